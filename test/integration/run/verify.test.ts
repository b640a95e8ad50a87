import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../../local/stores/free-port.ts";
import { eventually, packagedStack, startTestRun, type TestRun } from "./local-run.ts";
import { alarmState, hastenRetries, readVersion } from "./operator-view.ts";
import { createTestStore } from "./store.ts";

let run: TestRun;
beforeAll(async () => {
  run = await startTestRun({ packaged: restoring() });
});
afterAll(() => run?.stop());

interface Template {
  readonly Conditions: Record<string, unknown>;
  readonly Resources: {
    readonly VerifyLambdaFunction: {
      readonly Properties: { readonly Environment: { readonly Variables: Record<string, string> } };
    };
  };
}

/** As `restorePrevious=true` and `taggedHosts=127.0.0.1` package it. */
function restoring() {
  const packaged = packagedStack();
  const template = structuredClone(packaged.template) as Template;
  template.Conditions.RestoresPrevious = { "Fn::Equals": ["true", "true"] };
  const { Variables } = template.Resources.VerifyLambdaFunction.Properties.Environment;
  Object.assign(Variables, { RESTORE_PREVIOUS: "true", TAGGED_HOSTS: "127.0.0.1" });
  return { ...packaged, template };
}

const typesOf = (versionId: string) => run.seen.domainEvents(versionId).map(({ type }) => type);

test("a version that the store refuses is rejected, and AWSCURRENT moves back to the one before, which is verified anew", async () => {
  const store = await createTestStore(run);
  await eventually(() => expect(typesOf(store.firstVersionId)).toContain("CredentialVerified"));
  const { versionId } = await store.rotate("password-never-set");
  await eventually(() => expect(typesOf(versionId)).toContain("CredentialRestored"));
  expect(typesOf(versionId)).toContain("CredentialRejected");
  const { VersionIdsToStages: labels = {} } = await run.clients.secrets.send(
    new DescribeSecretCommand({ SecretId: store.secretArn }),
  );
  expect(labels[store.firstVersionId]).toContain("AWSCURRENT");
  await eventually(() =>
    expect(typesOf(store.firstVersionId).filter((type) => type === "CredentialVerified")).toHaveLength(2),
  );
  await eventually(async () => expect(await alarmState(run, "credential-rejected")).toBe("ALARM"));
});

test("a secret that holds user and password alone is verified where its tags say the rest", async () => {
  const store = await createTestStore(run);
  const { SecretString = "" } = await run.clients.secrets.send(
    new GetSecretValueCommand({ SecretId: store.secretArn }),
  );
  const { engine, host, port, dbname, ...login } = JSON.parse(SecretString);
  const tags = { engine, host, port: String(port), dbname };
  const { ARN = "", VersionId = "" } = await run.clients.secrets.send(
    new CreateSecretCommand({
      Name: `${store.secretName}-tagged`,
      SecretString: JSON.stringify(login),
      Tags: Object.entries(tags).map(([name, Value]) => ({ Key: `keyturn:${name}`, Value })),
    }),
  );
  await eventually(async () =>
    expect(await readVersion(run, ARN, VersionId)).toMatchObject({ verdict: "accepted" }),
  );
});

test("a secret whose tag names a host that the setting does not, is unverifiable, and nothing is sent there", async () => {
  const { ARN = "", VersionId = "" } = await run.clients.secrets.send(
    new CreateSecretCommand({
      Name: "test/led-astray",
      SecretString: JSON.stringify({ engine: "postgres", username: "orders", password: "first-EXAMPLE" }),
      Tags: [{ Key: "keyturn:host", Value: "evil.example" }],
    }),
  );
  await eventually(async () =>
    expect(await readVersion(run, ARN, VersionId)).toMatchObject({
      verdict: "unverifiable",
      reason: expect.stringMatching(/evil\.example.*taggedHosts/),
    }),
  );
});

test("a secret of which nobody says where its store is, is unverifiable, with what to set", async () => {
  const { ARN = "", VersionId = "" } = await run.clients.secrets.send(
    new CreateSecretCommand({
      Name: "test/nowhere",
      SecretString: JSON.stringify({ engine: "mysql", username: "orders", password: "first-EXAMPLE" }),
    }),
  );
  await eventually(async () =>
    expect(await readVersion(run, ARN, VersionId)).toMatchObject({
      verdict: "unverifiable",
      reason: expect.stringContaining("keyturn:host"),
    }),
  );
});

test.each(["mysql", "redis", "mongo", "https"])(
  "after the last delivery a %s that does not answer is unreachable, with an event and an alarm",
  async (engine) => {
    await hastenRetries(run, "verify");
    const port = await freePort();
    const url = `https://127.0.0.1:${port}/`;
    const value = { engine, host: "127.0.0.1", port, username: "orders", password: "first-EXAMPLE" };
    const header = "Authorization: Basic @basic";
    const SecretString = JSON.stringify(engine === "https" ? { ...value, url, header } : value);
    const { ARN = "", VersionId: first = "" } = await run.clients.secrets.send(
      new CreateSecretCommand({ Name: `test/away-${engine}`, SecretString }),
    );
    const { VersionId = first } = await run.clients.secrets.send(
      new PutSecretValueCommand({ SecretId: ARN, SecretString }),
    );
    await eventually(async () =>
      expect(await readVersion(run, ARN, VersionId)).toMatchObject({ verdict: "unreachable" }),
    );
    expect(typesOf(VersionId)).toContain("CredentialUnreachable");
    expect(run.seen.logsOf("verify", { versionId: VersionId, level: "ERROR" }).at(-1)?.error).toMatchObject({
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await eventually(async () => expect(await alarmState(run, "credential-unreachable")).toBe("ALARM"));
    expect(JSON.stringify(run.seen.logsOf("verify"))).not.toContain("first-EXAMPLE");
  },
);
