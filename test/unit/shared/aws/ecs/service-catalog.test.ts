import { expect, test } from "vitest";
import { createServiceCatalog } from "../../../../../shared/aws/ecs/service-catalog.ts";
import { createEcsClientOf } from "./ecs-client.ts";

const SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const STARTED_AT = Date.parse("2026-11-20T10:00:00Z");

interface FakeService {
  readonly serviceArn: string;
  readonly valueFrom?: string;
  readonly tag?: string;
}

/** A cluster `main` with these services; the definition of each has its name. */
function catalogOf(services: readonly FakeService[], searchBudgetMs = 1_000, clusters = ["main"]) {
  let nowMs = STARTED_AT;
  let lookUpMs = 0;
  const ecs = createEcsClientOf({
    ListClusters: () => ({ clusterArns: ["main"] }),
    ListServices: () => ({ serviceArns: services.map(({ serviceArn }) => serviceArn) }),
    DescribeServices: ({ services: wanted }: { services: string[] }) => ({
      services: services
        .filter(({ serviceArn }) => wanted.includes(serviceArn))
        .map(({ serviceArn, tag }) => ({
          serviceArn,
          status: "ACTIVE",
          taskDefinition: `${serviceArn}:1`,
          tags: tag === undefined ? [] : [{ key: "keyturn:secrets", value: tag }],
        })),
    }),
    DescribeTaskDefinition: ({ taskDefinition }: { taskDefinition: string }) => {
      nowMs += lookUpMs;
      const { valueFrom } = services.find(({ serviceArn }) => taskDefinition === `${serviceArn}:1`) ?? {};
      return {
        taskDefinition: {
          containerDefinitions: [{ secrets: valueFrom === undefined ? [] : [{ name: "DB", valueFrom }] }],
        },
      };
    },
  });
  return {
    ...ecs,
    catalog: createServiceCatalog(ecs.client, { clusters, now: () => nowMs, searchBudgetMs }),
    passMs: (ms: number) => {
      nowMs += ms;
    },
    takeForEachLookUp: (ms: number) => {
      lookUpMs = ms;
    },
  };
}

const before = new Date(STARTED_AT - 1_000);

test("finds services by task definition and by tag, and tells the pinned ones", async () => {
  const { catalog } = catalogOf([
    { serviceArn: "injected", valueFrom: SECRET },
    { serviceArn: "pinned", valueFrom: `${SECRET}::AWSPREVIOUS:` },
    { serviceArn: "tagged", tag: "orders/db" },
    { serviceArn: "pinned-and-tagged", valueFrom: `${SECRET}::AWSPREVIOUS:`, tag: "orders/db" },
    { serviceArn: "other", tag: "payments/db" },
  ]);
  expect(await catalog.findUsing(SECRET, before)).toEqual([
    { cluster: "main", serviceArn: "injected", use: "current" },
    { cluster: "main", serviceArn: "pinned", use: "pinned" },
    { cluster: "main", serviceArn: "tagged", use: "current" },
    { cluster: "main", serviceArn: "pinned-and-tagged", use: "pinned" },
  ]);
});

test("one search serves every rotation before it", async () => {
  const { catalog, calls } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }]);
  const [first, second] = await Promise.all([
    catalog.findUsing(SECRET, before),
    catalog.findUsing(SECRET, before),
  ]);
  expect(second).toEqual(first);
  const askedFirst = calls.length;
  await catalog.findUsing(`${SECRET.slice(0, -1)}g`, before);
  expect(calls).toHaveLength(askedFirst);
});

test("lists anew for a rotation after the last search, and looks up no revision twice", async () => {
  const { catalog, countOf, passMs } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }]);
  await catalog.findUsing(SECRET, before);
  passMs(10_000);
  await catalog.findUsing(SECRET, new Date(STARTED_AT + 5_000));
  expect(countOf("ListServices")).toBe(2);
  expect(countOf("DescribeTaskDefinition")).toBe(1);
});

test("a search that takes too long fails, and the next one goes on where it stopped", async () => {
  const services = Array.from({ length: 6 }, (_, index) => ({ serviceArn: `s${index}`, valueFrom: SECRET }));
  const { catalog, countOf, takeForEachLookUp } = catalogOf(services, 1_000);
  takeForEachLookUp(400);
  await expect(catalog.findUsing(SECRET, before)).rejects.toThrow("it goes on when the message comes again");
  expect(await catalog.findUsing(SECRET, before)).toHaveLength(6);
  expect(countOf("DescribeTaskDefinition")).toBe(6);
});

test("`*` stands for every cluster of the account", async () => {
  const { catalog, countOf } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }], 1_000, ["*"]);
  expect(await catalog.findUsing(SECRET, before)).toHaveLength(1);
  expect(countOf("ListClusters")).toBe(1);
});

test("asks again after an answer that failed", async () => {
  let answers = 0;
  const { client } = createEcsClientOf({
    ListServices: () => {
      answers += 1;
      if (answers === 1) throw new Error("away");
      return { serviceArns: [] };
    },
  });
  const catalog = createServiceCatalog(client, { clusters: ["main"] });
  await expect(catalog.findUsing(SECRET, before)).rejects.toThrow("away");
  expect(await catalog.findUsing(SECRET, before)).toEqual([]);
});
