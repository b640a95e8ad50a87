import { expect, test } from "vitest";
import { fleetOf } from "../../../bench/cost/assumptions.ts";
import { breakEvenInstances, costTables, fillIn } from "../../../bench/cost/cost-page.ts";
import { countParts } from "../../../bench/cost/deployed-parts.ts";
import { costOf, costOfOne } from "../../../bench/cost/prices.ts";
import { keyturnUsage, pollingUsage, withOwnKey } from "../../../bench/cost/usage.ts";

const PARTS = { polledQueues: 6, alarmMetrics: 20, dashboards: 1 };

test("counts what costs something while nothing happens", () => {
  const alarm = (Metrics?: unknown) => ({ Type: "AWS::CloudWatch::Alarm", Properties: { Metrics } });
  const parts = countParts({
    Resources: {
      Mapping: { Type: "AWS::Lambda::EventSourceMapping" },
      Queue: { Type: "AWS::SQS::Queue", Properties: {} },
      Simple: alarm(),
      Expression: alarm([{ MetricStat: {} }, { MetricStat: {} }, { Expression: "m1 / m2" }]),
      Dashboard: { Type: "AWS::CloudWatch::Dashboard" },
    },
  });
  expect(parts).toEqual({ polledQueues: 1, alarmMetrics: 3, dashboards: 1 });
});

test("prices a unit as it is published", () => {
  expect(costOfOne("secretsManagerCalls", 10_000)).toBeCloseTo(0.05, 10);
  expect(costOf({ secretsManagerCalls: 20_000, dashboards: 1 })).toBeCloseTo(3.1, 10);
});

test("a poll every five minutes is 8,760 reads an instance and month, and its starts", () => {
  expect(pollingUsage(fleetOf(10), 300)).toEqual({ secretsManagerCalls: 10 * (8_760 + 20) });
});

test("a fleet ten times as large uses ten times what grows with it, and no more of what does not", () => {
  const [small, large] = [keyturnUsage(fleetOf(1_000), PARTS), keyturnUsage(fleetOf(10_000), PARTS)];
  expect(large.connectionMinutes).toBe(10 * (small.connectionMinutes ?? 0));
  expect(large.rulesTriggered).toBe(10 * (small.rulesTriggered ?? 0));
  expect(large.alarmMetrics).toBe(small.alarmMetrics);
  expect(large.queueRequests).toBeLessThan(10 * (small.queueRequests ?? 0));
});

test("queues are polled while nothing happens", () => {
  const fleet = fleetOf(10);
  const requests = (polledQueues: number) =>
    keyturnUsage(fleet, { ...PARTS, polledQueues }).queueRequests ?? 0;
  // Five long polls of 20 seconds, the month through.
  expect(requests(2) - requests(1)).toBe(5 * 3 * 60 * 730);
});

test("a key of one's own is paid for at each read", () => {
  expect(withOwnKey({ secretsManagerCalls: 7 })).toEqual({ secretsManagerCalls: 7, decryptions: 7 });
});

test("says from which size on Keyturn is cheaper", () => {
  const instances = breakEvenInstances(PARTS, 300);
  const costs = (size: number) => ({
    keyturn: costOf(keyturnUsage(fleetOf(size), PARTS)),
    polling: costOf(pollingUsage(fleetOf(size), 300)),
  });
  const at = costs(instances);
  const below = costs(instances - 1);
  expect(at.keyturn).toBeLessThanOrEqual(at.polling);
  expect(below.keyturn).toBeGreaterThan(below.polling);
  expect(costTables(PARTS)["break-even"]).toContain(`${instances} instances`);
  expect(costTables(PARTS)["break-even"]).toContain("never");
});

test("marks what the quota of Secrets Manager refuses", () => {
  expect(costTables(PARTS).quotas).toContain("100,000, refused");
  expect(costTables(PARTS).quotas?.match(/refused/g)).toHaveLength(1);
});

test("puts tables between their markers, the same ones again without a change", () => {
  const page = "before\n<!-- computed: a -->\nold\n<!-- end -->\nafter";
  const filled = fillIn(page, { a: "new" });
  expect(filled).toBe("before\n<!-- computed: a -->\n\nnew\n\n<!-- end -->\nafter");
  expect(fillIn(filled, { a: "new" })).toBe(filled);
});

test("a marker without a table, or a table without a marker, is an error", () => {
  expect(() => fillIn("<!-- computed: a --><!-- end -->", {})).toThrow('marker "a"');
  expect(() => fillIn("nothing", { b: "x" })).toThrow("lacks the markers of b");
});
