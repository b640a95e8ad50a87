import { describe, expect, test } from "vitest";
import { findSilent, planReconcile } from "../../../../functions/reconcile/plan-reconcile.ts";
import type { InstanceRecord } from "../../../../shared/aws/ledger.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";

const HOUR_MS = 3_600_000;
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const known = { secretArn: SECRET_ARN, versionId: V1, currentSince: ago(30 * 24 * HOUR_MS).toISOString() };
const changed = (ms: number) => ({ currentVersionId: V2, isRotated: true, lastChangedAt: ago(ms) });

describe("planReconcile", () => {
  test.each([
    {
      what: "the known version is current",
      known,
      present: { ...changed(HOUR_MS), currentVersionId: V1 },
      is: "up-to-date",
    },
    { what: "another one is, for an hour", known, present: changed(HOUR_MS), is: "missed" },
    { what: "another one is, for a year", known, present: changed(8_760 * HOUR_MS), is: "missed" },
    {
      what: "another one is, and nobody knows since when",
      known,
      present: { currentVersionId: V2 },
      is: "missed",
    },
    { what: "another one is, for a minute", known, present: changed(60_000), is: "settling" },
    { what: "the secret is gone", known, present: undefined, is: "up-to-date" },
    {
      what: "nobody knows it, and it was rotated an hour ago",
      known: undefined,
      present: changed(HOUR_MS),
      is: "missed",
    },
    {
      what: "nobody knows it, and it was rotated a day ago",
      known: undefined,
      present: changed(24 * HOUR_MS),
      is: "unknown",
    },
    {
      what: "nobody knows it, and it was made an hour ago",
      known: undefined,
      present: { currentVersionId: V2, lastChangedAt: ago(HOUR_MS) },
      is: "unknown",
    },
    { what: "nobody knows it, and it has no value", known: undefined, present: {}, is: "unknown" },
  ])("says $is where $what", ({ known: row, present, is }) => {
    expect(planReconcile(row, present, NOW)).toBe(is);
  });
});

describe("findSilent", () => {
  const heard = (instanceId: string, times: Partial<InstanceRecord>): InstanceRecord => ({
    instanceId,
    service: "orders-api",
    versionId: V1,
    ...times,
  });
  const at = (hours: number) => ago(hours * HOUR_MS).toISOString();

  test("finds who has not been heard of for too long, and forgets who is gone", () => {
    const instances = [
      heard("repeats its report", { swappedAt: at(700), heardAt: at(2) }),
      heard("swapped lately", { swappedAt: at(25) }),
      heard("rejected lately", { swappedAt: at(100), rejectedAt: at(25) }),
      heard("is silent", { swappedAt: at(700), heardAt: at(27) }),
      heard("has never repeated", { swappedAt: at(100) }),
      heard("is gone", { heardAt: at(26 + 7 * 24 + 1) }),
      heard("never said when", {}),
      heard("is marked already", { heardAt: at(27), silentSince: at(1) }),
    ];
    const silent = findSilent(instances, NOW, 26 * HOUR_MS);
    expect(silent.map(({ instanceId }) => instanceId)).toEqual(["is silent", "has never repeated"]);
  });
});
