import { expect, test } from "vitest";
import { table } from "../../../bench/functions/table.ts";
import { inPairs, median, medianOf } from "../../../bench/functions/timing.ts";

test("the median is the value in the middle, or between the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("compares round by round, so that a slow round counts on both sides", () => {
  const pairs = { deployed: [2, 20, 4], bare: [1, 10, 4] };
  expect(medianOf(pairs, (deployed, bare) => deployed / bare)).toBe(2);
  expect(medianOf(pairs, (deployed, bare) => deployed - bare)).toBe(1);
});

test("changes who comes first, and throws the first round away", async () => {
  const order: string[] = [];
  const turn = (name: string) => async () => order.push(name);
  const { deployed, bare } = await inPairs(2, turn("deployed"), turn("bare"));
  expect(order).toEqual(["deployed", "bare", "bare", "deployed", "deployed", "bare"]);
  expect(deployed).toEqual([4, 5]);
  expect(bare).toEqual([3, 6]);
});

test("a table has numbers to the right, and text to the left", () => {
  expect(
    table([
      { name: "notify", size: "1,234.5" },
      { name: "x", size: "7" },
    ]),
  ).toBe(
    ["| name   |    size |", "| ------ | ------: |", "| notify | 1,234.5 |", "| x      |       7 |"].join(
      "\n",
    ),
  );
});
