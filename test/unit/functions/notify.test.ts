import { expect, test } from "vitest";
import { createNotify } from "../../../functions/notify/notify.ts";
import type { Ledger } from "../../../shared/aws/ledger.ts";
import type { RotationEvent } from "../../../shared/contract/rotation-event.ts";
import {
  createFakePipeline,
  labelUpdated,
  NOW,
  ROTATED_AT,
  rotationSucceeded,
  SECRET_ARN,
  V1,
  V2,
} from "../../fakes/pipeline.ts";

test("sends one notice with secret and version, and no value", async () => {
  const fake = createFakePipeline();
  expect(await createNotify(fake.ports)(labelUpdated())).toBe("noticed");
  expect(fake.notices).toEqual([
    {
      v: 1,
      kind: "credential-rotated",
      secretArn: SECRET_ARN,
      versionId: V2,
      currentSince: "2026-11-20T10:00:00.000Z",
      noticedAt: NOW.toISOString(),
    },
  ]);
  expect(JSON.stringify(fake.notices)).not.toContain("EXAMPLE");
});

test("takes the milliseconds of the label move from the secret where they fall into the event's second", async () => {
  const fake = createFakePipeline();
  fake.facts.lastChangedAt = new Date("2026-11-20T10:00:00.640Z");
  await createNotify(fake.ports)(labelUpdated());
  expect(fake.notices[0]?.currentSince).toBe("2026-11-20T10:00:00.640Z");
  expect(fake.events[0]).toMatchObject({ type: "RotationNoticed", detail: { noticeLatencyMs: 360 } });
});

test("keeps the event's time where the secret was changed again since", async () => {
  const fake = createFakePipeline();
  fake.facts.lastChangedAt = new Date("2026-11-20T10:00:07.640Z");
  await createNotify(fake.ports)(labelUpdated());
  expect(fake.notices[0]?.currentSince).toBe("2026-11-20T10:00:00.000Z");
});

test("handles one rotation that two sources tell of once", async () => {
  const fake = createFakePipeline();
  const notify = createNotify(fake.ports);
  expect([
    await notify(labelUpdated()),
    await notify(rotationSucceeded()),
    await notify(labelUpdated()),
  ]).toEqual(["noticed", "already-noticed", "already-noticed"]);
  expect(fake.notices).toHaveLength(1);
});

test("resolves the version that CloudTrail does not name", async () => {
  const fake = createFakePipeline();
  await createNotify(fake.ports)(rotationSucceeded());
  expect(fake.notices[0]?.versionId).toBe(V2);
});

test("drops a version that was superseded before its event came", async () => {
  const fake = createFakePipeline();
  expect(await createNotify(fake.ports)(labelUpdated(V1))).toBe("superseded");
  expect(fake.notices).toEqual([]);
  expect(fake.events).toEqual([]);
});

test("sends the notice again where a crash came before the record", async () => {
  const fake = createFakePipeline();
  const crashing = createNotify({
    ...fake.ports,
    ledger: { ...fake.ports.ledger, recordNotice: () => Promise.reject(new Error("crash")) },
  });
  await expect(crashing(labelUpdated())).rejects.toThrow("crash");
  await createNotify(fake.ports)(labelUpdated());
  expect(fake.notices).toHaveLength(2);
});

test("counts each other source that tells of a rotation, and not the first one's repetitions", async () => {
  const fake = createFakePipeline();
  const notify = createNotify(fake.ports);
  for (const event of [labelUpdated(), rotationSucceeded(), labelUpdated()]) await notify(event);
  const again = fake.events.filter(({ type }) => type === "RotationSeenAgain");
  expect(again.map(({ detail }) => detail)).toMatchObject([
    { secretArn: SECRET_ARN, versionId: V2, detectedBy: "rotation-succeeded" },
  ]);
});

test("counts the second source too where both are handled at the same time", async () => {
  const fake = createFakePipeline();
  const notify = createNotify(fake.ports);
  expect(await Promise.all([notify(labelUpdated()), notify(rotationSucceeded())])).toEqual([
    "noticed",
    "noticed",
  ]);
  const again = fake.events.filter(({ type }) => type === "RotationSeenAgain");
  expect(again).toMatchObject([{ detail: { detectedBy: "rotation-succeeded" } }]);
});

test("says nothing of a secret that is not watched", async () => {
  const fake = createFakePipeline();
  fake.facts.isWatched = false;
  expect(await createNotify(fake.ports)(labelUpdated())).toBe("not-watched");
  expect(fake.notices).toEqual([]);
  expect(fake.events).toEqual([]);
});

const vault = (versionId: string, occurredAt: string): RotationEvent => ({
  secretArn: "vault:kv/app/prod/db",
  versionId,
  source: "credential-rotated",
  occurredAt,
});

test("tells of a secret that is kept elsewhere, under its own id and version", async () => {
  const fake = createFakePipeline();
  expect(await createNotify(fake.ports)(vault("17", ROTATED_AT))).toBe("noticed");
  expect(fake.notices).toMatchObject([
    { secretArn: "vault:kv/app/prod/db", versionId: "17", currentSince: "2026-11-20T10:00:00.000Z" },
  ]);
});

test("drops a rotation that the ledger knows a newer one of", async () => {
  const fake = createFakePipeline();
  const openRotation: Ledger["openRotation"] = async (rotation) => ({
    ...(await fake.ports.ledger.openRotation(rotation)),
    supersededBy: "18",
  });
  const notify = createNotify({ ...fake.ports, ledger: { ...fake.ports.ledger, openRotation } });
  expect(await notify(vault("17", ROTATED_AT))).toBe("superseded");
  expect(fake.notices).toEqual([]);
});

test("hands the trace of its invocation on, asked for at each notice", async () => {
  const fake = createFakePipeline();
  const traceparents = ["00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", undefined];
  const notify = createNotify({
    ...fake.ports,
    // A notice that was not recorded is sent again.
    ledger: { ...fake.ports.ledger, recordNotice: async () => undefined },
    traceparent: () => traceparents[fake.notices.length],
  });
  await notify(labelUpdated());
  await notify(labelUpdated());
  expect(fake.notices.map(({ traceparent }) => traceparent)).toEqual(traceparents);
  expect(fake.notices[1]).not.toHaveProperty("traceparent");
});
