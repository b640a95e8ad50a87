import { DeleteSecretCommand, TagResourceCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRun, type TestRun } from "./local-run.ts";
import { rotationFailedOf } from "./permission-scenarios.ts";
import { fullyPermitted, WATCHED_TAG } from "./role-statements.ts";
import { batchOf, failuresOf } from "./sqs-event.ts";
import { createTestStore } from "./store.ts";

let run: TestRun;
beforeAll(async () => {
  run = await startTestRun({ packaged: fullyPermitted() });
});
afterAll(() => run?.stop());

/** What measure says that it did with CloudTrail's event of a failed rotation. */
async function outcomeFor(secretArn: string): Promise<unknown> {
  const batch = batchOf(run, "measure", [rotationFailedOf(run, secretArn)]);
  expect(await run.invoke("measure", batch)).toEqual(failuresOf(batch));
  const [line] = run.seen.logsOf("measure", { messageId: batch.Records[0]?.messageId });
  return line?.outcome;
}

async function tag(SecretId: string, Value: string): Promise<void> {
  const [Key = ""] = WATCHED_TAG.split("=");
  await run.clients.secrets.send(new TagResourceCommand({ SecretId, Tags: [{ Key, Value }] }));
}

test("where tags say what is watched, a failed rotation counts for secrets with the tag alone", async () => {
  const [ours, theirs, untagged] = [
    await createTestStore(run),
    await createTestStore(run),
    await createTestStore(run),
  ];
  await tag(ours.secretArn, WATCHED_TAG.split("=")[1] ?? "");
  await tag(theirs.secretArn, "billing");
  expect(await outcomeFor(ours.secretArn)).toBe("measured");
  expect(await outcomeFor(theirs.secretArn)).toBe("not-watched");
  expect(await outcomeFor(untagged.secretArn)).toBe("not-watched");
});

test("nor does one of a secret that is gone", async () => {
  const { secretArn: SecretId } = await createTestStore(run);
  await tag(SecretId, WATCHED_TAG.split("=")[1] ?? "");
  await run.clients.secrets.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }));
  expect(await outcomeFor(SecretId)).toBe("not-watched");
});
