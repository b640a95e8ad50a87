import { expect, test } from "vitest";
import { createReconcile } from "../../../../functions/reconcile/reconcile.ts";
import type { DecisionRecord } from "../../../../shared/aws/ledger.ts";
import { safeToRotate } from "../../../../shared/rotation/safe-to-rotate.ts";
import { NOW, SECRET_ARN, V1 } from "../../../fakes/pipeline.ts";
import { createFakeReconcile } from "../../../fakes/reconcile.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS).toISOString();

/** A rotation that was handled to its end, with one decision about a service. */
function createScene(hours: number, changes: Partial<DecisionRecord> = {}) {
  const fake = createFakeReconcile();
  const rotation = { secretArn: SECRET_ARN, versionId: V1, currentSince: ago(hours) };
  const intent = changes.decision ?? "redeploy";
  fake.known.push(rotation);
  fake.listed.push({ secretArn: SECRET_ARN, currentVersionId: V1, lastChangedAt: new Date(ago(hours)) });
  fake.versions.set(V1, { currentSince: ago(hours), noticedAt: ago(hours), verdict: "accepted" });
  fake.checks.set(V1, { checkedAt: ago(hours), adopted: 1, stale: 1 });
  fake.decisions.set("legacy-api", {
    ...rotation,
    serviceArn: "legacy-api",
    intent,
    claimedAt: ago(hours),
    decision: intent,
    decidedAt: ago(hours),
    ...changes,
  });
  return { fake, rotation };
}

test.each(["redeploy", "deployment-in-progress"])(
  "has a check look again where nobody told for an hour how a deployment ended: %s",
  async (decision) => {
    const { fake, rotation } = createScene(2, { decision });
    expect(await createReconcile(fake.ports)("m1")).toMatchObject({
      missed: [],
      unfinished: [],
      deploymentUnknown: [SECRET_ARN],
    });
    const sign = { v: 1, secretArn: SECRET_ARN, versionId: V1, detectedBy: "reconcile" };
    expect(fake.signs).toEqual([{ ...sign, occurredAt: rotation.currentSince }]);
    // No rotation was missed, and none is counted as that.
    expect(fake.events).toEqual([]);
  },
);

test.each([
  { what: "its end was told", changes: { deploymentOutcome: "completed" as const } },
  { what: "it failed", changes: { deploymentOutcome: "failed" as const } },
  { what: "it may still be told", changes: { decidedAt: ago(0.9) } },
  { what: "the service was left alone", changes: { decision: "secret-pinned" } },
])("does not where $what", async ({ changes }) => {
  const { fake } = createScene(2, changes);
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ deploymentUnknown: [] });
  expect(fake.signs).toEqual([]);
});

test("ends with the check that finds no service behind, which also makes the next rotation safe", async () => {
  const { fake } = createScene(2);
  const isSafe = async () => {
    const { ledger } = fake.ports;
    const [rotation] = fake.known;
    const { versionId = "", currentSince = "" } = rotation ?? {};
    const current = await ledger.readRotation({ secretArn: SECRET_ARN, versionId, currentSince });
    const view = { ...(await ledger.readSecret(SECRET_ARN)), ...(current && { current }) };
    return safeToRotate(view, { now: NOW });
  };
  expect(await isSafe()).toMatchObject({ safe: false, reasons: [{ decision: "deployment-unknown" }] });
  fake.checks.set(V1, { checkedAt: ago(0.1), adopted: 2, stale: 0 });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ deploymentUnknown: [] });
  expect(await isSafe()).toEqual({ safe: true });
});

test("a repeated message tells again, and another run does not", async () => {
  const { fake } = createScene(2);
  const reconcile = createReconcile(fake.ports);
  expect(await reconcile("m1")).toMatchObject({ deploymentUnknown: [SECRET_ARN] });
  expect(await reconcile("m1")).toMatchObject({ deploymentUnknown: [SECRET_ARN] });
  expect(await reconcile("m2")).toMatchObject({ deploymentUnknown: [] });
});

test("has checks look again with growing distance, and no longer than for a day", async () => {
  const { fake } = createScene(0);
  const fedIn: number[] = [];
  for (let hour = 0; hour <= 48; hour++) {
    const now = () => new Date(NOW.getTime() + hour * HOUR_MS);
    const { deploymentUnknown } = await createReconcile({ ...fake.ports, now })(`hour ${hour}`);
    if (deploymentUnknown.length > 0) fedIn.push(hour);
  }
  expect(fedIn).toEqual([1, 2, 4, 8, 16]);
});

test("counts from the decision, which services that wait for their turn come to days after the rotation", async () => {
  const { fake } = createScene(5 * 24, { decidedAt: ago(1.5) });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ deploymentUnknown: [SECRET_ARN] });
});

test("does not read decisions about rotations for which nothing can be awaited any more", async () => {
  const { fake } = createScene(9 * 24);
  const listDecisions = () => Promise.reject(new Error("read in vain"));
  const ports = { ...fake.ports, ledger: { ...fake.ports.ledger, listDecisions } };
  expect(await createReconcile(ports)("m1")).toMatchObject({ outcome: "reconciled", deploymentUnknown: [] });
});
