import { afterAll, beforeAll, expect, test } from "vitest";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { createLoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import { type MongoStandIn, startMongoStandIn } from "../../../fakes/mongodb-server.ts";
import { trusting } from "./self-signed.ts";
import { type SilentServer, startSilentServer } from "./silent-server.ts";
import { startTlsProxy } from "./tls-proxy.ts";

const probe = createLoginProbe({ timeoutMs: 1_000, tls: "disable" });
let mongo: MongoStandIn;
let silent: SilentServer;

beforeAll(async () => {
  mongo = await startMongoStandIn();
  mongo.setPassword({ user: "orders", password: "first-EXAMPLE" });
  silent = await startSilentServer();
});
afterAll(async () => {
  await silent.stop();
  await mongo.stop();
});

const secret = (changes: Record<string, unknown> = {}) =>
  new Redacted(
    JSON.stringify({
      engine: "mongo",
      host: "127.0.0.1",
      port: mongo.port,
      username: "orders",
      password: "first-EXAMPLE",
      ...changes,
    }),
  );

test("accepts a credential that logs in, and leaves no session behind", async () => {
  expect(await probe.login(secret())).toMatchObject({ verdict: "accepted" });
  await expect.poll(() => mongo.openSockets()).toBe(0);
});

test("accepts a connection string, which needs no engine", async () => {
  const text = `mongodb://orders:first-EXAMPLE@127.0.0.1:${mongo.port}/shop?authSource=admin`;
  expect(await probe.login(new Redacted(text))).toMatchObject({ verdict: "accepted" });
  expect(await probe.login(new Redacted(JSON.stringify({ uri: text })))).toMatchObject({
    verdict: "accepted",
  });
});

test.each([
  { what: "a wrong password", changes: { password: "WRONG" } },
  { what: "an unknown user", changes: { username: "nobody-here" } },
])("rejects $what with 18", async ({ changes }) => {
  const outcome = await probe.login(secret(changes));
  expect(outcome).toMatchObject({ verdict: "rejected", code: "18" });
  expect(JSON.stringify(outcome)).not.toMatch(/EXAMPLE|nobody-here/);
});

test("says nothing of the credential where nobody listens, nobody answers, or no TLS is spoken", async () => {
  await expect(probe.login(secret({ port: 1 }))).rejects.toThrow(/ECONNREFUSED/);
  await expect(probe.login(secret({ port: silent.port }))).rejects.toBeInstanceOf(DependencyError);
  const strict = createLoginProbe({ timeoutMs: 500, tls: "verify-full" });
  await expect(strict.login(secret())).rejects.toBeInstanceOf(DependencyError);
});

test("does not quote a connection string that the driver will not have", async () => {
  const outcome = await probe.login(
    new Redacted("mongodb://orders:first-EXAMPLE@127.0.0.1/?nonsense=EXAMPLE"),
  );
  expect(outcome.verdict).toBe("unverifiable");
  expect(JSON.stringify(outcome)).not.toContain("EXAMPLE");
});

test.each([
  { option: "tls", value: "false" },
  { option: "tlsInsecure", value: "true" },
  { option: "tlsAllowInvalidCertificates", value: "true" },
  { option: "proxyHost", value: "127.0.0.1" },
])(
  "$option=$value of a connection string does not win over storeTls: no login is tried",
  async ({ option, value }) => {
    const strict = createLoginProbe({ timeoutMs: 500, tls: "verify-full" });
    const text = `mongodb://orders:first-EXAMPLE@127.0.0.1:${mongo.port}/shop?${option}=${value}`;
    expect(await strict.login(new Redacted(text))).toEqual({
      verdict: "unverifiable",
      reason: expect.stringContaining(`option ${option}`),
    });
  },
);

test("neither do options in the host of a secret, nor its ssl", async () => {
  const strict = createLoginProbe({ timeoutMs: 500, tls: "verify-full" });
  const host = `127.0.0.1:${mongo.port}/?tls=false&appName=`;
  const changes = { connectionString: `mongodb://${host}`, ssl: false };
  expect(await strict.login(secret(changes))).toMatchObject({ verdict: "unverifiable" });
  expect(await strict.login(secret({ host: "localhost/?tls=false&appName=" }))).toMatchObject({
    verdict: "unverifiable",
  });
  await expect(strict.login(secret({ ssl: false }))).rejects.toBeInstanceOf(DependencyError);
});

test("checks the server's certificate, with the authorities that Node trusts", async () => {
  const strict = createLoginProbe({ timeoutMs: 1_000, tls: "verify-full" });
  const lenient = createLoginProbe({ timeoutMs: 1_000, tls: "require" });
  const proxy = await startTlsProxy(mongo.port);
  try {
    // Directly: the stand-in says of itself that it is at the port without TLS.
    const text = `mongodb://orders:first-EXAMPLE@localhost:${proxy.port}/?directConnection=true&tls=true&tlsCAFile=global-bundle.pem`;
    const named = new Redacted(text);
    await expect(strict.login(named)).rejects.toThrow(/DEPTH_ZERO_SELF_SIGNED_CERT/);
    expect(await lenient.login(named)).toMatchObject({ verdict: "accepted" });
    await trusting(proxy.certificate, async () =>
      expect(await strict.login(named)).toMatchObject({ verdict: "accepted" }),
    );
  } finally {
    await proxy.stop();
  }
});
