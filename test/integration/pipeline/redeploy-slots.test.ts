import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLedgerTable } from "../../../shared/aws/ledger/ledger-table.ts";
import {
  createRedeploySlots,
  LONGEST_HELD_MS,
  type RedeploySlots,
} from "../../../shared/aws/redeploy-slots.ts";
import { NOW } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";

const after = (ms: number) => new Date(NOW.getTime() + ms);

let dynamoDb: LocalDynamoDb;
let slots: RedeploySlots;
let calls: number;
beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  const table = createLedgerTable(dynamoDb.client, await dynamoDb.createTable(), () => NOW);
  calls = 0;
  const counted = <Args extends unknown[], Result>(call: (...args: Args) => Result) => {
    return (...args: Args) => {
      calls += 1;
      return call(...args);
    };
  };
  slots = createRedeploySlots({ update: counted(table.update), list: counted(table.list) }, 3);
});
const take = (serviceArn: string, ms = 0) => slots.search(after(ms)).take(serviceArn, after(ms));

test("of many searches that run at the same time, no more than there are places succeed", async () => {
  const taken = await Promise.all(Array.from({ length: 10 }, (_, index) => take(`s${index}`)));
  expect(taken.filter(Boolean)).toHaveLength(3);
});

test("one search asks no more once no place is left", async () => {
  for (const name of ["a", "b", "c"]) await take(name);
  calls = 0;
  const search = slots.search(NOW);
  for (let index = 0; index < 50; index++) expect(await search.mayTake(`s${index}`)).toBe(false);
  expect(calls).toBe(1);
});

test("a search whose places others take meanwhile asks for each once", async () => {
  const search = slots.search(NOW);
  expect(await search.mayTake()).toBe(true);
  for (const name of ["a", "b", "c"]) await take(name);
  calls = 0;
  for (let index = 0; index < 50; index++) expect(await search.take(`s${index}`, NOW)).toBeUndefined();
  expect(calls).toBe(3);
});

test("a service has one place, however often it asks", async () => {
  await take("a");
  await take("a");
  await take("a");
  expect([await take("b"), await take("c")].every(Boolean)).toBe(true);
  expect(await take("d")).toBeUndefined();
  expect(await slots.search(NOW).mayTake("a")).toBe(true);
});

test("a place that came to nothing is given back, and not where the service held it before", async () => {
  for (const name of ["a", "b"]) await take(name);
  await (await take("c"))?.giveBack();
  const again = await take("d");
  expect(again).toBeDefined();
  await (await take("a"))?.giveBack();
  expect(await take("e")).toBeUndefined();
});

test("a service's own place that came to nothing again is what it was: the end of the deployment before frees it", async () => {
  for (const name of ["a", "b", "c"]) await take(name);
  const search = slots.search(after(60_000));
  await (await search.take("a", after(60_000)))?.giveBack();
  expect(await search.mayTake("a")).toBe(true);
  await slots.release("a", after(10).toISOString());
  expect(await take("d", 60_000)).toBeDefined();
});

test("a service's own place is not given back that was taken once more since", async () => {
  for (const name of ["a", "b", "c"]) await take(name);
  const second = await take("a", 60_000);
  await take("a", 120_000);
  await second?.giveBack();
  await slots.release("a", after(60_000).toISOString());
  expect(await take("d", 120_000)).toBeUndefined();
});

test("a place is given back at the end of the deployment that it was taken for, and not by an earlier one's", async () => {
  for (const name of ["a", "b", "c"]) await take(name, 1_000);
  await slots.release("a", after(999).toISOString());
  expect(await take("d", 2_000)).toBeUndefined();
  await slots.release("a", after(1_001).toISOString());
  expect(await take("d", 2_000)).toBeDefined();
});

test("a place lapses where nobody tells of the end", async () => {
  for (const name of ["a", "b", "c"]) await take(name);
  expect(await take("d", LONGEST_HELD_MS - 1)).toBeUndefined();
  expect(await take("d", LONGEST_HELD_MS)).toBeDefined();
});
