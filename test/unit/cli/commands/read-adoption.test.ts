import { expect, test } from "vitest";
import { countAdopted, planAdoption } from "../../../../cli/src/commands/read-adoption.ts";
import { instance, NEW, NOW, OLD, rotation, secretView, taskArn } from "../fixtures.ts";

const old = instance({ instanceId: taskArn("2"), versionId: OLD });

test("a task that ECS has ended counts neither as behind nor as living", () => {
  const view = secretView({ instances: [instance(), old] });
  const adoption = planAdoption(view, undefined, new Set([old.instanceId]), NOW);
  expect(countAdopted(adoption)).toEqual({ adopted: 1, living: 1 });
  expect(adoption.instances.map(({ state }) => state)).toEqual(["current", "ended"]);
  expect(adoption.reasons).toEqual([]);
});

test("where ECS may not be asked, every instance counts", () => {
  const adoption = planAdoption(secretView({ instances: [instance(), old] }), undefined, undefined, NOW);
  expect(countAdopted(adoption)).toEqual({ adopted: 1, living: 2 });
  expect(adoption.reasons.map(({ code }) => code)).toEqual(["instance-behind"]);
});

test("a version that is current and that nobody told of is not well, and everybody is behind it", () => {
  const view = secretView({ current: rotation({ versionId: OLD }), instances: [old] });
  const adoption = planAdoption(view, NEW, new Set(), NOW);
  expect(adoption.versionId).toBe(NEW);
  expect(adoption.reasons.map(({ code }) => code)).toEqual(["rotation-not-known", "instance-behind"]);
});

test("an instance that refused the version and keeps the old one is told from one that has not tried", () => {
  const refused = { ...old, rejectedVersionId: NEW };
  const adoption = planAdoption(secretView({ instances: [refused] }), undefined, new Set(), NOW);
  expect(adoption.instances[0]?.state).toBe("refused");
});
