import fc from "fast-check";
import { expect, test } from "vitest";
import { type LiveTask, planDeployment } from "../../../../local/aws/ecs/plan-deployment.ts";

const limits = { minimumHealthyPercent: 100, maximumPercent: 200, mayStart: true };
/** `o` and `O` are old tasks, `n` and `N` new ones; capitals serve. Ids by position. */
const live = (picture: string): LiveTask[] =>
  [...picture].map((letter, index) => ({
    taskId: `${letter}${index}`,
    isPrimary: letter.toLowerCase() === "n",
    isReady: letter === letter.toUpperCase(),
  }));

test.for([
  ["a new service starts all", "", 3, { start: 3, stop: [] }],
  ["a deployment doubles the tasks", "OOO", 3, { start: 3, stop: [] }],
  ["the old serve until the new do", "OOOnnn", 3, { start: 0, stop: [] }],
  ["one new that serves frees one old", "OOONnn", 3, { start: 0, stop: ["O0"] }],
  ["all new serve: all old go", "OOONNN", 3, { start: 0, stop: ["O0", "O1", "O2"] }],
  ["steady", "NNN", 3, { start: 0, stop: [] }],
  ["one is missing", "NN", 3, { start: 1, stop: [] }],
  ["scaled in: the newest goes", "NNN", 2, { start: 0, stop: ["N2"] }],
  ["scaled in: those that do not serve yet go first", "nNN", 2, { start: 0, stop: ["n0"] }],
  ["scaled to nothing", "NN", 0, { start: 0, stop: ["N1", "N0"] }],
  ["old tasks that never served make room", "OOooNN", 2, { start: 0, stop: ["o2", "o3", "O0", "O1"] }],
  ["a deployment overtakes one that had just begun", "OOoo", 2, { start: 2, stop: ["o2", "o3"] }],
] as const)("%s", ([, picture, desiredCount, plan]) => {
  expect(planDeployment({ ...limits, desiredCount, live: live(picture) })).toEqual(plan);
});

test("without room above the desired count, an old task goes first where fewer may serve", () => {
  const narrow = { ...limits, desiredCount: 2, maximumPercent: 100, minimumHealthyPercent: 50 };
  expect(planDeployment({ ...narrow, live: live("OO") })).toEqual({ start: 1, stop: ["O0"] });
});

test("a failed deployment starts nothing and stops nothing that serves", () => {
  expect(planDeployment({ ...limits, desiredCount: 2, mayStart: false, live: live("OO") })).toEqual({
    start: 0,
    stop: [],
  });
});

test("never takes service below the minimum, nor tasks above the maximum", () => {
  const task = fc.record({ isPrimary: fc.boolean(), isReady: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(task, { maxLength: 12 }),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 100, max: 200 }),
      (kinds, desiredCount, minimumHealthyPercent, maximumPercent) => {
        const all = kinds.map((kind, index) => ({ ...kind, taskId: String(index) }));
        const { start, stop } = planDeployment({
          desiredCount,
          minimumHealthyPercent,
          maximumPercent,
          live: all,
          mayStart: true,
        });
        const left = all.filter(({ taskId }) => !stop.includes(taskId));
        const served = all.filter(({ isReady }) => isReady).length;
        const serving = left.filter(({ isReady }) => isReady).length;
        const least = Math.min(served, Math.ceil((desiredCount * minimumHealthyPercent) / 100));
        expect(serving).toBeGreaterThanOrEqual(least);
        if (start > 0) expect(left.length + start).toBeLessThanOrEqual((desiredCount * maximumPercent) / 100);
      },
    ),
  );
});
