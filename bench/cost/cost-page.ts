import { table } from "../functions/table.ts";
import { ASSUMPTIONS, type Fleet, fleetOf } from "./assumptions.ts";
import type { DeployedParts } from "./deployed-parts.ts";
import { costOf, costOfOne, type Metered, PRICES, type Price, type Usage } from "./prices.ts";
import { keyturnUsage, pollingUsage, withOwnKey } from "./usage.ts";

export const FLEETS = [10, 1_000, 100_000].map(fleetOf);
export const POLLS = [
  { name: "every 5 minutes", seconds: 300 },
  { name: "every 30 s", seconds: 30 },
  { name: "every second", seconds: 1 },
] as const;
/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
const READS_PER_SECOND = 10_000;

/** Bills of the month, grouped as the page shows them. */
const GROUPS: Readonly<Record<string, readonly Metered[]>> = {
  "IoT Core": ["connectionMinutes", "mqttMessages", "rulesTriggered", "ruleActions"],
  "Secrets Manager, calls": ["secretsManagerCalls"],
  SQS: ["queueRequests"],
  Lambda: ["invocations", "gigabyteSeconds"],
  EventBridge: ["customEvents"],
  DynamoDB: ["ledgerWrites", "ledgerReads", "ledgerGigabytes"],
  "CloudWatch, metrics": ["metricMonths"],
  "CloudWatch, logs": ["logGigabytes"],
  "CloudWatch, alarms and dashboard": ["alarmMetrics", "dashboards"],
};

const count = (amount: number) => amount.toLocaleString("en-US", { maximumFractionDigits: 0 });
const usd = (amount: number) =>
  `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

/** The tables of docs/cost.md, by the name in their markers. */
export function costTables(parts: DeployedParts): Readonly<Record<string, string>> {
  return {
    summary: summary(parts, (usage) => usage),
    "own-key": summary(parts, withOwnKey),
    bill: bill(parts),
    "break-even": breakEven(parts),
    quotas: quotas(),
    assumptions: table(
      Object.values(ASSUMPTIONS).map(([amount, meaning]) => ({ amount: String(amount), of: meaning })),
    ),
    prices: table(
      Object.values<Price>(PRICES).map(({ what, usd: price, per, unit, page, asOf }) => ({
        what,
        price: `$${price} per ${per === 1 ? unit : `${count(per)} ${unit}s`}`,
        page,
        "as of": asOf,
      })),
    ),
    parts: `${parts.polledQueues} queues that Lambda polls, ${parts.alarmMetrics} metrics that alarms look at, ${parts.dashboards} dashboards`,
  };
}

function summary(parts: DeployedParts, priced: (usage: Usage) => Usage): string {
  return table(
    FLEETS.map((fleet) => ({
      instances: count(fleet.instances),
      Keyturn: usd(costOf(priced(keyturnUsage(fleet, parts)))),
      ...Object.fromEntries(
        POLLS.map(({ name, seconds }) => [
          `polling ${name}`,
          usd(costOf(priced(pollingUsage(fleet, seconds)))),
        ]),
      ),
    })),
  );
}

function bill(parts: DeployedParts): string {
  const usages = FLEETS.map((fleet) => keyturnUsage(fleet, parts));
  const rowOf = (name: string, costOfGroup: (usage: Usage) => number) => ({
    bill: name,
    ...Object.fromEntries(
      FLEETS.map(({ instances }, index) => [
        `${count(instances)} instances`,
        usd(costOfGroup(usages[index] ?? {})),
      ]),
    ),
  });
  return table([
    ...Object.entries(GROUPS).map(([name, metered]) =>
      rowOf(name, (usage) => metered.reduce((sum, one) => sum + costOfOne(one, usage[one] ?? 0), 0)),
    ),
    rowOf("in all", costOf),
  ]);
}

/** The smallest fleet for which Keyturn costs no more than polling does. */
export function breakEvenInstances(parts: DeployedParts, seconds: number): number {
  const isCheaper = (fleet: Fleet) =>
    costOf(keyturnUsage(fleet, parts)) <= costOf(pollingUsage(fleet, seconds));
  let instances = 1;
  while (!isCheaper(fleetOf(instances)) && instances < 1_000_000) instances += 1;
  return instances;
}

function breakEven(parts: DeployedParts): string {
  return table(
    POLLS.map(({ name, seconds }) => ({
      "polling …": name,
      "is cheaper below": cheaperBelow(breakEvenInstances(parts, seconds)),
      "and learns of a rotation after, on average": seconds === 1 ? "0.5 s" : `${count(seconds / 2)} s`,
    })),
  );
}

function cheaperBelow(instances: number): string {
  return instances === 1 ? "never" : `${count(instances)} instances`;
}

function quotas(): string {
  return table(
    POLLS.map(({ name, seconds }) => ({
      "polling …": name,
      ...Object.fromEntries(
        FLEETS.map(({ instances }) => [`reads/s of ${count(instances)}`, rate(instances / seconds)]),
      ),
      "the quota is reached at": `${count(READS_PER_SECOND * seconds)} instances`,
    })),
  );
}

function rate(perSecond: number): string {
  const text = perSecond < 1 ? perSecond.toFixed(2) : count(perSecond);
  return perSecond > READS_PER_SECOND ? `${text}, refused` : text;
}

/** Puts each table between its markers. @throws Error where a marker is missing, or one has no table */
export function fillIn(page: string, tables: Readonly<Record<string, string>>): string {
  const missing = new Set(Object.keys(tables));
  const filled = page.replaceAll(/<!-- computed: ([\w-]+) -->[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const text = tables[name];
    if (text === undefined)
      throw new Error(`docs/cost.md has a marker "${name}" that nothing is computed for`);
    missing.delete(name);
    return `<!-- computed: ${name} -->\n\n${text}\n\n<!-- end -->`;
  });
  if (missing.size > 0) throw new Error(`docs/cost.md lacks the markers of ${[...missing].join(", ")}`);
  return filled;
}
