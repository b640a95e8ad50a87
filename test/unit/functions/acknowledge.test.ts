import { describe, expect, test } from "vitest";
import { createAcknowledge, describeReport } from "../../../functions/acknowledge/acknowledge.ts";
import { redateReport } from "../../../functions/acknowledge/redate-report.ts";
import type { Report } from "../../../shared/contract/report.ts";
import { createFakePipeline, NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";

const report = (changes: Partial<Report> = {}): Report => ({
  v: 1,
  secretArn: SECRET_ARN,
  versionId: V2,
  instanceId: "task-1",
  service: "orders-api",
  outcome: "swapped",
  trigger: "notice",
  occurredAt: "2026-11-20T10:00:00.120Z",
  currentSince: "2026-11-20T10:00:00.000Z",
  timings: { totalMs: 20 },
  ...changes,
});

const known = ({ instances }: ReturnType<typeof createFakePipeline>) =>
  instances.get("task-1") ?? { instanceId: "task-1", service: "never reported" };

test("records the version of an instance and how long its adoption took", async () => {
  const fake = createFakePipeline();
  expect(await createAcknowledge(fake.ports)(report())).toBe("recorded");
  expect(fake.instances.get("task-1")).toMatchObject({ versionId: V2, service: "orders-api" });
  expect(fake.events).toMatchObject([{ type: "InstanceSwapped", detail: { adoptionMs: 120 } }]);
});

test("has the ledger list a secret with each report, whether or not the instance was known before", async () => {
  const fake = createFakePipeline();
  const recorded: string[] = [];
  const recordSecret = async (secretArn: string) => void recorded.push(secretArn);
  const acknowledge = createAcknowledge({ ...fake.ports, ledger: { ...fake.ports.ledger, recordSecret } });
  await acknowledge(report({ trigger: "start" }));
  await acknowledge(report({ occurredAt: "2026-11-20T11:00:00.000Z" }));
  expect(recorded).toEqual([SECRET_ARN, SECRET_ARN]);
  // An instance that lives on says nothing else, and its secret must not be forgotten.
  expect(await acknowledge(report({ occurredAt: "2026-11-20T11:00:00.000Z" }))).toBe("repeated");
  expect(recorded).toHaveLength(3);
});

test("tells of a repeated report once, and notes that the instance lives", async () => {
  const fake = createFakePipeline();
  const acknowledge = createAcknowledge(fake.ports);
  await acknowledge(report());
  fake.instances.set("task-1", { ...known(fake), heardAt: "2026-11-19T10:00:00.000Z" });
  expect(await acknowledge(report({ trigger: "reconnect" }))).toBe("repeated");
  expect(fake.events).toHaveLength(1);
  expect(known(fake)).toMatchObject({ trigger: "notice", heardAt: NOW.toISOString() });
});

test("does not go back to an older version when reports come out of order", async () => {
  const fake = createFakePipeline();
  const acknowledge = createAcknowledge(fake.ports);
  await acknowledge(report());
  const late = report({ versionId: V1, occurredAt: "2026-11-20T09:00:00.000Z" });
  expect(await acknowledge(late)).toBe("late");
  expect(known(fake).versionId).toBe(V2);
  expect(fake.events).toHaveLength(1);
});

test("keeps the version in use of an instance that rejected a newer one", async () => {
  const fake = createFakePipeline();
  const acknowledge = createAcknowledge(fake.ports);
  await acknowledge(report({ versionId: V1 }));
  const reason = { code: "28P01", message: "refused" };
  await acknowledge(report({ outcome: "rejected", occurredAt: "2026-11-20T10:00:00.200Z", reason }));
  expect(fake.instances.get("task-1")).toMatchObject({ versionId: V1, rejectedVersionId: V2 });
  expect(fake.events[1]).toMatchObject({ type: "InstanceRejected", detail: { code: "28P01" } });
});

test("takes the time of the rotation from the ledger where no notice told the instance", async () => {
  const fake = createFakePipeline();
  fake.versions.set(V2, { currentSince: "2026-11-20T09:59:59.000Z" });
  const { currentSince: _, ...polled } = report({ trigger: "poll" });
  await createAcknowledge(fake.ports)(polled);
  expect(fake.events[0]).toMatchObject({ detail: { adoptionMs: 1_120 } });
});

test("has no adoption time where the ledger only knows an earlier move to the version", async () => {
  const fake = createFakePipeline();
  fake.versions.set(V1, { currentSince: "2026-11-20T09:00:00.000Z" });
  const acknowledge = createAcknowledge(fake.ports);
  await acknowledge(report());
  const { currentSince: _, ...back } = report({
    versionId: V1,
    trigger: "login-failure",
    occurredAt: "2026-11-20T10:05:00Z",
  });
  await acknowledge(back);
  expect(fake.events[1]?.detail).not.toHaveProperty("adoptionMs");
});

test.each([
  { name: "an instance that just started", changes: { trigger: "start" as const }, adoptionMs: undefined },
  { name: "a clock that is behind", changes: { occurredAt: "2026-11-20T09:59:59.900Z" }, adoptionMs: 0 },
])("gives $name the adoption time $adoptionMs", ({ changes, adoptionMs }) => {
  const described = describeReport(report(changes), "2026-11-20T10:00:00.000Z");
  expect("adoptionMs" in described.detail ? described.detail.adoptionMs : undefined).toBe(adoptionMs);
});

describe("a report from the future", () => {
  const future = report({ versionId: V1, occurredAt: "9999-12-31T23:59:59.000Z" });
  const arrivedAt = (afterMs: number) => new Date(Date.parse("2026-11-20T10:00:05.000Z") + afterMs);

  test("counts from when it arrived, and keeps out none that comes after it", async () => {
    const fake = createFakePipeline();
    const acknowledge = createAcknowledge(fake.ports);
    expect(await acknowledge(redateReport(future, arrivedAt(0)))).toBe("recorded");
    expect(known(fake)).toMatchObject({ versionId: V1, swappedAt: arrivedAt(0).toISOString() });
    expect(fake.events).toMatchObject([
      { detail: { occurredAt: arrivedAt(0).toISOString(), adoptionMs: 5_000 } },
    ]);
    const honest = report({ occurredAt: arrivedAt(1).toISOString() });
    expect(await acknowledge(redateReport(honest, arrivedAt(40)))).toBe("recorded");
    expect(known(fake).versionId).toBe(V2);
  });

  test("stays one, however often the message is delivered and the broker repeats it", async () => {
    const fake = createFakePipeline();
    const acknowledge = createAcknowledge(fake.ports);
    await acknowledge(redateReport(future, arrivedAt(0)));
    expect(await acknowledge(redateReport(future, arrivedAt(0)))).toBe("repeated");
    expect(await acknowledge(redateReport(future, arrivedAt(3_000)))).toBe("repeated");
    expect(fake.events).toHaveLength(1);
  });

  test("by a clock that is a little ahead keeps its time", () => {
    const ahead = report({ occurredAt: "2026-11-20T10:00:30.000Z" });
    expect(redateReport(ahead, arrivedAt(0))).toEqual(ahead);
  });
});
