import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { parseRedeployMessage } from "../../../functions/redeploy/redeploy-message.ts";
import { type EcsServices, SearchUnfinishedError } from "../../../shared/aws/ecs-services.ts";
import type { DecisionRecord } from "../../../shared/aws/ledger.ts";
import { createFakePipeline, labelUpdated, NOW, V1, V2 } from "../../fakes/pipeline.ts";
import { createFakeSlots } from "../../fakes/redeploy-slots.ts";
import { after, again, before, service } from "./redeploy-fixtures.ts";

const OTHER = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cache/db-GhIjKl";
const other = { secretArn: OTHER, versionId: V1, currentSince: before.toISOString() };

/** The credential is good, nobody is behind, and legacy-api was not deployed for another secret: why. */
function withheldFor(decision: Partial<DecisionRecord> = { decision: "other-credential-rejected" }) {
  const fake = createFakePipeline();
  fake.versions.set(V2, { verdict: "accepted", currentSince: after.toISOString() });
  fake.services.push(service("legacy-api", { l1: NOW }, { secretIds: [OTHER] }));
  fake.others.set(OTHER, { ...other, detectedBy: "label-updated", verdict: "accepted" });
  fake.decisions.set(`${V1} legacy-api`, {
    ...other,
    serviceArn: "legacy-api",
    intent: decision.decision ?? "",
    claimedAt: NOW.toISOString(),
    ...decision,
  });
  const deferrals = () =>
    fake.events.flatMap((event) => (event.type === "RedeployDeferred" ? [event.detail] : []));
  return {
    ...fake,
    deferrals,
    told: () => deferrals().filter(({ secretArn }) => secretArn === OTHER),
    /** The next message of the check's own. */
    next: () => {
      const detail = deferrals().findLast(({ secretArn }) => secretArn !== OTHER);
      const message = parseRedeployMessage({ "detail-type": "RedeployDeferred", detail });
      return "change" in message ? expect.unreachable() : message;
    },
  };
}

test("once a credential is good, what was withheld on its account for another secret is checked again", async () => {
  const fake = withheldFor();
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  const [detail] = fake.told();
  expect(detail).toMatchObject({ ...other, deferred: 0, othersTold: true });
  const message = parseRedeployMessage({ "detail-type": "RedeployDeferred", detail });
  // Nobody begins a round of each other's.
  expect(message).toMatchObject({ progress: { currentSince: other.currentSince, othersTold: true } });
  await createRedeploy(fake.ports)(labelUpdated(), "later", again("m1", 1));
  expect(fake.told()).toHaveLength(1);
});

test.each<{ known: Partial<DecisionRecord>; times: number }>([
  { known: { decision: "waited-too-long" }, times: 1 },
  { known: { decision: "credential-unreachable" }, times: 1 },
  { known: { intent: "other-credential-rejected" }, times: 1 },
  { known: { decision: "dry-run" }, times: 0 },
  { known: { decision: "deployment-failed" }, times: 0 },
  { known: { intent: "redeploy" }, times: 0 },
])(
  "another secret's check begins again for what may have been for this one: $known",
  async ({ known, times }) => {
    const fake = withheldFor(known);
    await createRedeploy(fake.ports)(labelUpdated(), "m1");
    expect(fake.told()).toHaveLength(times);
  },
);

test("where a search took rounds, others are told when it is over, once", async () => {
  const fake = withheldFor();
  let searches = 0;
  const ecs: EcsServices = {
    ...fake.ports.ecs,
    findUsing: async (query) => {
      searches += 1;
      if (searches < 3) throw new SearchUnfinishedError("more");
      return fake.ports.ecs.findUsing(query);
    },
  };
  const redeploy = createRedeploy({ ...fake.ports, ecs });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ outcome: "searching" });
  expect(await redeploy(fake.next().event, "later", fake.next())).toMatchObject({ outcome: "searching" });
  expect(fake.told()).toEqual([]);
  expect(await redeploy(fake.next().event, "later", fake.next())).toMatchObject({ outcome: "checked" });
  expect(fake.told()).toHaveLength(1);
});

test("where there was no time for it, a check comes back to tell others", async () => {
  const fake = withheldFor();
  expect(await createRedeploy({ ...fake.ports, actingBudgetMs: 0 })(labelUpdated(), "m1")).toMatchObject({
    outcome: "deferred",
    deferred: 0,
  });
  expect(fake.told()).toEqual([]);
  const message = fake.next();
  expect(await createRedeploy(fake.ports)(message.event, "later", message)).toMatchObject({
    outcome: "checked",
  });
  expect(fake.told()).toHaveLength(1);
});

test("a check that waits for a place tells others all the same, and then asks ECS nothing", async () => {
  const fake = withheldFor();
  fake.services.push(service("orders-api", { o1: before }));
  const noPlace = { ...fake.ports, slots: createFakeSlots(0).slots };
  await createRedeploy({ ...noPlace, actingBudgetMs: 0 })(labelUpdated(), "m1");
  expect([fake.told(), fake.next().progress]).toMatchObject([[], { deferred: 1, othersTold: false }]);
  let message = fake.next();
  expect(await createRedeploy(noPlace)(message.event, "later", message)).toMatchObject({ deferred: 1 });
  expect([fake.told(), fake.next().progress]).toMatchObject([[other], { deferred: 1, othersTold: true }]);
  const ecs = { ...fake.ports.ecs, findUsing: () => Promise.reject(new Error("asked")) };
  message = fake.next();
  expect(await createRedeploy({ ...noPlace, ecs })(message.event, "later", message)).toMatchObject({
    deferred: 1,
  });
  expect(fake.told()).toHaveLength(1);
});

test("a check that has had no time for a day comes back no more", async () => {
  const fake = withheldFor();
  const { progress } = again("m1", 5_000, new Date(NOW.getTime() - 24 * 3_600_000));
  const check = createRedeploy({ ...fake.ports, actingBudgetMs: 0 });
  const origin = { progress: { ...progress, currentSince: after.toISOString(), othersTold: false } };
  expect(await check(labelUpdated(), "later", origin)).toMatchObject({ outcome: "checked" });
  expect(fake.deferrals()).toEqual([]);
});
