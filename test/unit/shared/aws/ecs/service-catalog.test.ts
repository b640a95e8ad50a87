import { ClientException, type ECSClient } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import { createRunningTasks } from "../../../../../shared/aws/ecs/running-tasks.ts";
import { createSearches } from "../../../../../shared/aws/ecs/search-budget.ts";
import {
  createServiceCatalog,
  type ServiceCatalogOptions,
} from "../../../../../shared/aws/ecs/service-catalog.ts";
import { createEcsClientOf } from "./ecs-client.ts";

const SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const STARTED_AT = Date.parse("2026-11-20T10:00:00Z");

const createCatalog = (client: ECSClient, { clusters, now = Date.now }: ServiceCatalogOptions) =>
  createServiceCatalog(client, createRunningTasks(client, now), { clusters, now });
/** A search that is begun now, and has a second. */
const searchAt = (now: () => number) => createSearches(1_000, now).open("search").part("who");

interface FakeService {
  readonly serviceArn: string;
  readonly valueFrom?: string;
  readonly tag?: string;
}

/** A cluster `main` with these services; the definition of each has its name. */
function catalogOf(services: readonly FakeService[], clusters = ["main"]) {
  let nowMs = STARTED_AT;
  let lookUpMs = 0;
  const ecs = createEcsClientOf({
    ListClusters: () => ({ clusterArns: ["main"] }),
    ListTasks: () => ({ taskArns: [] }),
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
  const catalog = createCatalog(ecs.client, { clusters, now: () => nowMs });
  return {
    ...ecs,
    findUsing: async (secretId: string, since: Date) =>
      (
        await catalog.findUsing(
          secretId,
          since,
          searchAt(() => nowMs),
        )
      ).services,
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
  const { findUsing } = catalogOf([
    { serviceArn: "injected", valueFrom: SECRET },
    { serviceArn: "pinned", valueFrom: `${SECRET}::AWSPREVIOUS:` },
    { serviceArn: "tagged", tag: "orders/db" },
    { serviceArn: "pinned-and-tagged", valueFrom: `${SECRET}::AWSPREVIOUS:`, tag: "orders/db" },
    { serviceArn: "other", tag: "payments/db" },
  ]);
  expect(await findUsing(SECRET, before)).toEqual([
    { cluster: "main", serviceArn: "injected", use: "current" },
    { cluster: "main", serviceArn: "pinned", use: "pinned" },
    { cluster: "main", serviceArn: "tagged", use: "current" },
    { cluster: "main", serviceArn: "pinned-and-tagged", use: "pinned" },
  ]);
});

test("one search serves every rotation before it", async () => {
  const { findUsing, calls } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }]);
  const [first, second] = await Promise.all([findUsing(SECRET, before), findUsing(SECRET, before)]);
  expect(second).toEqual(first);
  const askedFirst = calls.length;
  await findUsing(`${SECRET.slice(0, -1)}g`, before);
  expect(calls).toHaveLength(askedFirst);
});

test("lists anew for a rotation after the last search, and looks up no revision twice", async () => {
  const { findUsing, countOf, passMs } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }]);
  await findUsing(SECRET, before);
  passMs(10_000);
  await findUsing(SECRET, new Date(STARTED_AT + 5_000));
  expect(countOf("ListServices")).toBe(2);
  expect(countOf("DescribeTaskDefinition")).toBe(1);
});

test("a search that takes too long fails, and the next one goes on where it stopped", async () => {
  const services = Array.from({ length: 5 }, (_, index) => ({ serviceArn: `s${index}`, valueFrom: SECRET }));
  const { findUsing, countOf, takeForEachLookUp } = catalogOf(services);
  takeForEachLookUp(400);
  await expect(findUsing(SECRET, before)).rejects.toThrow("it goes on when it is asked for again");
  expect(await findUsing(SECRET, before)).toHaveLength(5);
  expect(countOf("DescribeTaskDefinition")).toBe(5);
});

test("`*` stands for every cluster of the account", async () => {
  const { findUsing, countOf } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }], ["*"]);
  expect(await findUsing(SECRET, before)).toHaveLength(1);
  expect(countOf("ListClusters")).toBe(1);
});

test("asks again after an answer that failed", async () => {
  let answers = 0;
  const budget = searchAt(() => 0);
  const { client } = createEcsClientOf({
    ListTasks: () => ({ taskArns: [] }),
    ListServices: () => {
      answers += 1;
      if (answers === 1) throw new Error("away");
      return { serviceArns: [] };
    },
  });
  const catalog = createCatalog(client, { clusters: ["main"] });
  await expect(catalog.findUsing(SECRET, before, budget)).rejects.toThrow("away");
  expect((await catalog.findUsing(SECRET, before, budget)).services).toEqual([]);
});

test("rotations that come faster than an account can be listed do not keep it at its beginning", async () => {
  const services = Array.from({ length: 6 }, (_, index) => ({ serviceArn: `s${index}` }));
  const { findUsing, countOf, passMs, takeForEachLookUp } = catalogOf(services);
  takeForEachLookUp(700);
  let searches = 0;
  // Each search is of a newer rotation than the one before.
  for (let at = STARTED_AT, isDone = false; !isDone; at += 10_000, searches++) {
    isDone = await findUsing(SECRET, new Date(at)).then(
      () => true,
      () => false,
    );
    passMs(10_000);
    expect(searches).toBeLessThan(10);
  }
  expect(countOf("DescribeTaskDefinition")).toBe(6);
});

test("a page's token that is no longer good has the list begun anew", async () => {
  const tokens: (string | undefined)[] = [];
  const { client } = createEcsClientOf({
    ListTasks: () => ({ taskArns: [] }),
    ListServices: ({ nextToken }: { nextToken?: string }) => {
      tokens.push(nextToken);
      if (tokens.length === 2)
        throw Object.assign(new Error("expired"), { name: "InvalidParameterException" });
      return { serviceArns: [], ...(tokens.length === 1 && { nextToken: "page-2" }) };
    },
  });
  const catalog = createCatalog(client, { clusters: ["main"] });
  const budget = searchAt(() => 0);
  await expect(catalog.findUsing(SECRET, before, budget)).rejects.toThrow("expired");
  await catalog.findUsing(SECRET, before, budget);
  expect(tokens).toEqual([undefined, "page-2", undefined]);
});

test("whoever was listed with a task definition that is deleted by now is gone", async () => {
  const { client } = createEcsClientOf({
    ListServices: () => ({ serviceArns: ["gone", "there"] }),
    DescribeServices: ({ services }: { services: string[] }) => ({
      services: services.map((serviceArn) => ({ serviceArn, status: "ACTIVE", taskDefinition: serviceArn })),
    }),
    ListTasks: () => ({ taskArns: [] }),
    DescribeTaskDefinition: ({ taskDefinition }: { taskDefinition: string }) => {
      if (taskDefinition === "gone") {
        throw new ClientException({ message: "Unable to describe task definition.", $metadata: {} });
      }
      return { taskDefinition: { containerDefinitions: [{ secrets: [{ name: "DB", valueFrom: SECRET }] }] } };
    },
  });
  const catalog = createCatalog(client, { clusters: ["main"] });
  const { services } = await catalog.findUsing(SECRET, before, searchAt(Date.now));
  expect(services.map(({ serviceArn }) => serviceArn)).toEqual(["there"]);
});

test("a cluster counts once, however it is configured", async () => {
  const clusters = ["main", "arn:aws:ecs:us-east-1:000000000000:cluster/main"];
  const { findUsing } = catalogOf([{ serviceArn: "injected", valueFrom: SECRET }], clusters);
  expect(await findUsing(SECRET, before)).toHaveLength(1);
});
