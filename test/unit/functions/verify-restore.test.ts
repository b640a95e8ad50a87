import { expect, test } from "vitest";
import { SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { ACCEPTED, createVerifying, REJECTED, UNREACHABLE } from "./verify-fixtures.ts";

const V3 = "33333333-3333-4333-8333-333333333333";
/** The refused version is tried five times over the allowance; then comes the one before. */
const refusedFor = (tries: number) => Array.from({ length: tries }, () => REJECTED);

test("leaves AWSCURRENT alone unless it is told to move it", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  expect(await verifying.handle()).toBe("rejected");
  expect(verifying.moves).toEqual([]);
});

test("moves AWSCURRENT from a refused version to the one before, which still logs in, and tells of it", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  expect(await verifying.restore()).toBe("restored");
  expect(verifying.moves).toEqual([V1]);
  expect(verifying.verdict()).toBe("rejected");
  expect(verifying.events).toMatchObject([
    { type: "CredentialRejected", detail: { versionId: V2 } },
    { type: "CredentialRestored", detail: { versionId: V2, restoredVersionId: V1 } },
  ]);
});

test("does not move it to a version that is refused as well", async () => {
  const verifying = createVerifying([REJECTED]);
  expect(await verifying.restore()).toBe("no-good-previous-version");
  expect(verifying.moves).toEqual([]);
});

test("does not move it while the store does not answer, and goes on when the message comes again", async () => {
  const verifying = createVerifying([...refusedFor(5), UNREACHABLE, ACCEPTED]);
  await expect(verifying.restore()).rejects.toBe(UNREACHABLE);
  expect(verifying.moves).toEqual([]);
  expect(await verifying.restore()).toBe("restored");
});

test("gives way to a rotation that is under way", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  Object.assign(verifying.facts, { pendingVersionId: V3 });
  expect(await verifying.restore()).toBe("rotation-under-way");
  expect(verifying.moves).toEqual([]);
});

test("leaves a secret alone that RDS manages, which nobody else may change", async () => {
  const tags = { "aws:rds:primaryDBInstanceArn": "arn:aws:rds:us-east-1:000000000000:db:orders" };
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.databases.set(tags["aws:rds:primaryDBInstanceArn"], {
    engine: "postgres",
    host: "db.example.com",
    port: 5_432,
    masterSecretArn: SECRET_ARN,
  });
  Object.assign(verifying.facts, { tags });
  expect(await verifying.restore()).toBe("managed-by-rds");
  expect(verifying.moves).toEqual([]);
});

test("does not take AWSPENDING for a rotation where it was left on the version that became current", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  Object.assign(verifying.facts, { pendingVersionId: V2 });
  expect(await verifying.restore()).toBe("restored");
});

test("gives way to a version that becomes current while the one before is tried", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.during.call = (name) => {
    if (name === "move") verifying.facts.currentVersionId = V3;
  };
  expect(await verifying.restore()).toBe("superseded");
  expect(verifying.moves).toEqual([]);
  expect(verifying.eventTypes()).toEqual(["CredentialRejected"]);
});

test("moves it from one version once: who moves it there again has the last word", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED, ...refusedFor(5), ACCEPTED]);
  expect(await verifying.restore("message-1")).toBe("restored");
  Object.assign(verifying.facts, { currentVersionId: V2, previousVersionId: V1 });
  verifying.versions.delete(V2);
  expect(await verifying.restore("message-2")).toBe("restored-before");
  expect(verifying.moves).toEqual([V1]);
});

test("after a crash between verdict and move it moves the label, without trying the refused version again", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  await verifying.handle();
  expect(await verifying.restore()).toBe("restored");
  expect(verifying.triedAtMs).toHaveLength(6);
});

/** Rotates to V3 right before the given call; returns the number of calls in all. */
async function restoreWithRotationBefore(call: number) {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  let calls = 0;
  verifying.during.call = () => {
    if (calls === call) {
      const { currentVersionId } = verifying.facts;
      Object.assign(verifying.facts, {
        currentVersionId: V3,
        ...(currentVersionId && { previousVersionId: currentVersionId }),
      });
    }
    calls += 1;
  };
  await verifying.restore();
  return { calls, verifying };
}

test("never takes AWSCURRENT from a newer version, whenever that becomes current", async () => {
  const { calls: all } = await restoreWithRotationBefore(Number.POSITIVE_INFINITY);
  expect(all).toBeGreaterThan(10);
  for (let call = 0; call < all; call += 1) {
    const { verifying } = await restoreWithRotationBefore(call);
    expect(verifying.facts.currentVersionId, `rotated before call ${call}`).toBe(V3);
  }
});
