import { once } from "node:events";
import { connect, createServer } from "node:net";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "./local-run.ts";
import { type NpmScript, startNpmScript } from "./npm-script.ts";
import { listeningAddresses } from "./process-tree.ts";

/** The line that `npm run local -- --json` prints. */
interface Whereabouts {
  readonly awsEndpoint: string;
  readonly mqttUrl: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly secretArn: string;
  readonly environment: Readonly<Record<string, string>>;
}

const scripts: NpmScript[] = [];
afterEach(async () => {
  await Promise.all(scripts.splice(0).map((script) => script.dispose()));
});

async function startLocal(...args: readonly string[]): Promise<NpmScript> {
  const script = await startNpmScript("local", "--json", ...args);
  scripts.push(script);
  return script;
}

/** Resolves when the run has said where everything is. */
function whereabouts(script: NpmScript): Promise<Whereabouts> {
  return eventually(() => {
    expect(script.child.exitCode, script.stderr()).toBeNull();
    expect(script.stdout()).toContain("\n");
    return JSON.parse(script.stdout());
  });
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const portsOf = ({ awsEndpoint, mqttUrl, postgres }: Whereabouts) => [
  Number(new URL(awsEndpoint).port),
  Number(new URL(mqttUrl).port),
  postgres.port,
];

describe.runIf(process.platform === "linux")("npm run local", () => {
  test("says where everything is in one line of JSON, for an SDK client as it comes, and listens on loopback alone", async () => {
    const script = await startLocal();
    const found = await whereabouts(script);
    expect(script.stdout().trim().split("\n")).toHaveLength(1);
    for (const port of portsOf(found)) expect(await isOpen(port)).toBe(true);

    const { AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = found.environment;
    const client = new SecretsManagerClient({
      region: AWS_REGION ?? "",
      endpoint: AWS_ENDPOINT_URL ?? "",
      credentials: { accessKeyId: AWS_ACCESS_KEY_ID ?? "", secretAccessKey: AWS_SECRET_ACCESS_KEY ?? "" },
    });
    const secret = await client.send(new GetSecretValueCommand({ SecretId: "orders/db" }));
    client.destroy();
    expect(secret.ARN).toBe(found.secretArn);
    expect(JSON.parse(secret.SecretString ?? "{}")).toMatchObject({
      host: "127.0.0.1",
      port: found.postgres.port,
    });

    const addresses = listeningAddresses(script.processes());
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    expect(new Set(addresses)).toEqual(new Set(["0100007F"]));
  });

  test.each<[string, NodeJS.Signals, (pid: number) => number, number]>([
    // As `kill` and a process manager send it.
    ["SIGTERM", "SIGTERM", (pid) => pid, 143],
    // As a terminal sends Ctrl-C: to npm and to all that it runs.
    ["Ctrl-C", "SIGINT", (pid) => -pid, 130],
  ])("ends on %s, leaving no process, port or file", async (_name, signal, receiver, code) => {
    const script = await startLocal();
    const found = await whereabouts(script);
    expect(script.processes().length).toBeGreaterThan(2);
    process.kill(receiver(script.child.pid ?? 0), signal);

    const exit = await script.exited;
    expect(exit.signal === signal || exit.code === code, JSON.stringify(exit)).toBe(true);
    expect(script.stderr()).toContain("Ending …");
    expect(script.processesLeft()).toEqual([]);
    for (const port of portsOf(found)) expect(await isOpen(port)).toBe(false);
    expect(await script.filesLeft()).toEqual([]);
  });

  test("ends on SIGTERM while it is starting, leaving no process or file", async () => {
    const script = await startLocal();
    // PostgreSQL is on its way by then, and packaging too.
    await eventually(() => expect(script.processes().length).toBeGreaterThan(3));
    process.kill(script.child.pid ?? 0, "SIGTERM");
    await script.exited;
    expect(script.stdout()).toBe("");
    expect(script.processesLeft()).toEqual([]);
    expect(await script.filesLeft()).toEqual([]);
  });

  test("ends with 1 and names the port where that is taken, leaving no process or file", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const script = await startLocal("--port", String(port));
      expect(await script.exited).toEqual({ code: 1, signal: null });
      expect(script.stderr()).toContain(`Port ${port} is taken`);
      expect(script.stdout()).toBe("");
      expect(script.processesLeft()).toEqual([]);
      expect(await script.filesLeft()).toEqual([]);
    } finally {
      server.close();
    }
  });
});
