import { expect, test } from "vitest";
import { createPace } from "../../../../functions/reconcile/pace.ts";

test("spreads what begins evenly, and makes nobody wait who comes later", async () => {
  let clockMs = 0;
  const sleep = async (ms: number) => {
    clockMs += ms;
  };
  const turn = createPace({ perSecond: 10, now: () => clockMs, sleep });
  const begun: number[] = [];
  for (const workMs of [0, 0, 30, 500, 0, 0]) {
    await turn();
    begun.push(clockMs);
    clockMs += workMs;
  }
  expect(begun).toEqual([0, 100, 200, 300, 800, 900]);
});
