import { expect, test } from "vitest";
import { workThrough } from "../../../../functions/reconcile/work-through.ts";

test("works on some at a time, in their order, and on each once", async () => {
  const begun: number[] = [];
  let atWork = 0;
  let most = 0;
  const items = Array.from({ length: 20 }, (_, index) => index);
  const work = async (item: number) => {
    begun.push(item);
    most = Math.max(most, ++atWork);
    await new Promise((resolve) => setImmediate(resolve));
    atWork -= 1;
  };
  expect(await workThrough(items, 4, work, () => true)).toBe(20);
  expect(begun).toEqual(items);
  expect(most).toBe(4);
});

test("begins nothing more when the time is up, and finishes what was begun", async () => {
  const finished: number[] = [];
  const work = async (item: number) => {
    await new Promise((resolve) => setImmediate(resolve));
    finished.push(item);
  };
  const done = await workThrough([1, 2, 3, 4, 5], 2, work, () => finished.length === 0);
  expect(done).toBe(finished.length);
  expect(finished).toEqual([1, 2].slice(0, done));
});

test("has nothing to do with an empty list", async () => {
  expect(
    await workThrough(
      [],
      4,
      async () => undefined,
      () => true,
    ),
  ).toBe(0);
});
