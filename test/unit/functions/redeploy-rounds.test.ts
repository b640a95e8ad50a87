import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { parseRedeployMessage } from "../../../functions/redeploy/redeploy-message.ts";
import {
  DeploymentRefusedError,
  type EcsServices,
  SearchUnfinishedError,
} from "../../../shared/aws/ecs-services.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import { createFakePipeline, labelUpdated, NOW, V2 } from "../../fakes/pipeline.ts";
import { createFakeSlots } from "../../fakes/redeploy-slots.ts";
import { after, again, before, inProgress, service } from "./redeploy-fixtures.ts";

const names = (count: number, prefix = "s") =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** That many services that are behind, each with one task. A deployment that is forced is under way from then on. */
function behind(count: number, prefix = "s") {
  const fake = createFakePipeline();
  fake.versions.set(V2, { verdict: "accepted" });
  fake.services.push(...names(count, prefix).map((name) => service(name, { [`${name}-1`]: before })));
  const replace = (name: string, changes: Parameters<typeof service>[2], task = before) => {
    const index = fake.services.findIndex(({ serviceArn }) => serviceArn === name);
    fake.services[index] = service(name, { [`${name}-1`]: task }, changes);
  };
  const ecs = {
    ...fake.ports.ecs,
    forceNewDeployment: async (one: { readonly serviceArn: string; readonly clusterArn: string }) => {
      replace(one.serviceArn, inProgress(after, `ecs-svc/${one.serviceArn}`));
      return fake.ports.ecs.forceNewDeployment(one);
    },
  };
  return {
    ...fake,
    ports: { ...fake.ports, ecs },
    /** Its deployment ends well, as ECS tells. */
    complete: async (name: string) => {
      replace(name, {}, after);
      await fake.ports.slots.release(name, NOW.toISOString());
    },
    /** Its deployment goes without a word, and its tasks are the old ones. */
    rollBack: (name: string) => replace(name, {}),
  };
}

const deferrals = (events: readonly DomainEvent[]) =>
  events.flatMap((event) => (event.type === "RedeployDeferred" ? [event.detail] : []));

test("deploys as many services at a time as is allowed, and comes back for the others", async () => {
  const fake = behind(12);
  const redeploy = createRedeploy(fake.ports);
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ outcome: "deferred", deferred: 7 });
  expect(fake.redeployed).toEqual(names(5));
  expect(fake.checks.get(V2)).toMatchObject({ stale: 12, deferred: 7 });
  expect(deferrals(fake.events)).toMatchObject([
    { deferred: 7, round: 1, claimant: "m1", detectedBy: "label-updated" },
  ]);

  // Two are done: two may go.
  await fake.complete("s0");
  await fake.complete("s3");
  expect(await redeploy(labelUpdated(), "later", again("m1", 1))).toMatchObject({
    redeployed: ["s5", "s6"],
    deferred: 5,
  });
  for (const name of names(7)) await fake.complete(name);
  expect(await redeploy(labelUpdated(), "later", again("m1", 2))).toMatchObject({
    outcome: "checked",
    deferred: 0,
  });
  expect(fake.redeployed).toEqual(names(12));
});

test("rotations of many secrets share the places: a hundred at two o'clock are as many deployments as one", async () => {
  const fakes = Array.from({ length: 20 }, (_, index) => behind(3, `team-${index}-`));
  const { slots } = createFakeSlots(4);
  const outcomes = await Promise.all(
    fakes.map(({ ports }) => createRedeploy({ ...ports, slots })(labelUpdated(), "m1")),
  );
  expect(fakes.flatMap(({ redeployed }) => redeployed)).toHaveLength(4);
  expect(outcomes.reduce((sum, { deferred }) => sum + deferred, 0)).toBe(56);
});

test("two messages about one rotation do not deploy twice as many at a time", async () => {
  const fake = behind(12);
  const redeploy = createRedeploy(fake.ports);
  await Promise.all([redeploy(labelUpdated(), "m1"), redeploy(labelUpdated(), "m2")]);
  expect(fake.redeployed.toSorted()).toEqual(names(5));
});

test("a round in which nothing can go waits for the next", async () => {
  const fake = behind(6);
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  expect(await redeploy(labelUpdated(), "later", again("m1", 1))).toMatchObject({
    redeployed: [],
    deferred: 1,
  });
  expect(fake.redeployed).toHaveLength(5);
});

test("a deployment that takes very long does not keep the others waiting", async () => {
  const fake = behind(6);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  const later = () => new Date(NOW.getTime() + 16 * 60_000);
  expect(
    await createRedeploy({ ...fake.ports, now: later })(labelUpdated(), "later", again("m1", 1)),
  ).toMatchObject({
    redeployed: ["s5"],
    deferred: 0,
  });
});

test("services whose deployment was rolled back are not deployed again, and take no other's place", async () => {
  const fake = behind(10);
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  for (const name of names(5)) fake.rollBack(name);
  const later = () => new Date(NOW.getTime() + 16 * 60_000);
  await createRedeploy({ ...fake.ports, now: later })(labelUpdated(), "later", again("m1", 1));
  expect(fake.redeployed).toEqual(names(10));
});

test("what ECS refuses while others wait comes again with them, and fails with the last round", async () => {
  const fake = behind(7);
  const ecs = {
    ...fake.ports.ecs,
    forceNewDeployment: async (one: { readonly serviceArn: string; readonly clusterArn: string }) => {
      if (one.serviceArn === "s0") throw new DeploymentRefusedError("away");
      return fake.ports.ecs.forceNewDeployment(one);
    },
  };
  const redeploy = createRedeploy({ ...fake.ports, ecs });
  // Nothing is deployed of it, so that its place is another's.
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({
    redeployed: ["s1", "s2", "s3", "s4", "s5"],
    deferred: 1,
    failures: ["DependencyError: away"],
  });
  for (const name of names(6).slice(1)) await fake.complete(name);
  await expect(redeploy(labelUpdated(), "later", again("m1", 1))).rejects.toThrow("1 of 2 services");
  expect(fake.redeployed).toEqual(["s1", "s2", "s3", "s4", "s5", "s6"]);
});

test("withholds what nothing could be done about for a day, however many rounds that was", async () => {
  const fake = behind(6);
  const waitingSince = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000);
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  expect(await redeploy(labelUpdated(), "later", again("m1", 5_000, waitingSince(23)))).toMatchObject({
    outcome: "deferred",
  });
  expect(deferrals(fake.events).at(-1)).toMatchObject({ waitingSince: waitingSince(23).toISOString() });
  expect(await redeploy(labelUpdated(), "later", again("m1", 5_001, waitingSince(24)))).toMatchObject({
    outcome: "checked",
    withheld: ["s5"],
  });
  expect(fake.events.at(-1)).toMatchObject({
    type: "RedeployWithheld",
    detail: { reason: "waited-too-long" },
  });
  // It is no last word: a later check redeploys it.
  await fake.complete("s0");
  expect(await redeploy(labelUpdated(), "m2")).toMatchObject({ redeployed: ["s5"] });
});

test("the day begins anew with whatever could be done", async () => {
  const fake = behind(7);
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  await fake.complete("s0");
  const aDayAgo = new Date(NOW.getTime() - 23 * 3_600_000);
  expect(await redeploy(labelUpdated(), "later", again("m1", 5_000, aDayAgo))).toMatchObject({
    redeployed: ["s5"],
  });
  expect(deferrals(fake.events).at(-1)).toMatchObject({ deferred: 1, waitingSince: NOW.toISOString() });
});

test("a check that waits says so in the ledger each time, so that it is not taken for lost", async () => {
  const fake = behind(6);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  const later = new Date(NOW.getTime() + 60_000);
  await createRedeploy({ ...fake.ports, now: () => later })(labelUpdated(), "later", again("m1", 1));
  expect(fake.checks.get(V2)).toMatchObject({ checkedAt: later.toISOString(), deferred: 1 });
});

test.each(["accepted", "rejected"] as const)(
  "stops seeing to services when its time is up, and sees to the rest in the next round: %s",
  async (verdict) => {
    const fake = behind(50);
    fake.versions.set(V2, { verdict });
    const { slots } = createFakeSlots(50);
    let nowMs = NOW.getTime();
    const ports = {
      ...fake.ports,
      slots,
      now: () => new Date(nowMs),
      bus: {
        publish: async (event: DomainEvent) => {
          nowMs += 5_000;
          await fake.ports.bus.publish(event);
        },
      },
    };
    const redeploy = createRedeploy(ports);
    const first = await redeploy(labelUpdated(), "m1");
    expect(first).toMatchObject({ outcome: "deferred", failures: [] });
    expect(first.deferred).toBeGreaterThan(25);
    expect(fake.checks.get(V2)).toMatchObject({ deferred: first.deferred });
    expect(nowMs - NOW.getTime()).toBeLessThan(verdict === "accepted" ? 60_000 : 200_000);
    for (let round = 1; round < 50 && deferrals(fake.events).length === round; round++)
      await redeploy(labelUpdated(), "later", again("m1", round, new Date(nowMs)));
    expect(fake.decisions.size).toBe(50);
    expect(fake.events.at(-1)?.type).not.toBe("RedeployDeferred");
  },
);

test("a check that waits asks ECS nothing as long as no place is free", async () => {
  const fake = behind(6);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  const ecs = { ...fake.ports.ecs, findUsing: () => Promise.reject(new Error("asked")) };
  const redeploy = createRedeploy({ ...fake.ports, ecs });
  expect(await redeploy(labelUpdated(), "later", again("m1", 1))).toMatchObject({
    outcome: "deferred",
    deferred: 1,
  });
  expect(deferrals(fake.events).at(-1)).toMatchObject({ deferred: 1, round: 2, claimant: "m1" });
  await fake.complete("s2");
  await expect(redeploy(labelUpdated(), "later", again("m1", 2))).rejects.toThrow("asked");
});

test("a search that is not over goes on with the check's own event, whatever places are free", async () => {
  const fake = behind(1);
  let isOver = false;
  const ecs: EcsServices = {
    ...fake.ports.ecs,
    findUsing: async (query) => {
      if (!isOver) throw new SearchUnfinishedError("more");
      return fake.ports.ecs.findUsing(query);
    },
  };
  const redeploy = createRedeploy({ ...fake.ports, ecs });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ outcome: "searching" });
  const [told] = deferrals(fake.events);
  expect(told).toMatchObject({ deferred: 0, round: 1, claimant: "m1" });
  isOver = true;
  const message = parseRedeployMessage({ "detail-type": "RedeployDeferred", detail: told });
  if ("change" in message) expect.unreachable();
  expect(await redeploy(message.event, "later", message)).toMatchObject({ redeployed: ["s0"] });
});

/** Another secret of the same services, with its own part of the ledger. */
function anotherSecretOf(fake: ReturnType<typeof behind>) {
  const other = createFakePipeline();
  other.versions.set(V2, { verdict: "accepted" });
  return {
    ...other,
    ports: { ...other.ports, ecs: fake.ports.ecs, turns: fake.ports.turns, slots: fake.ports.slots },
  };
}

test("one deployment brings two secrets that were rotated at the same time", async () => {
  const fake = behind(1);
  const other = anotherSecretOf(fake);
  const [first, second] = [createRedeploy(fake.ports), createRedeploy(other.ports)];
  // Both look before either acts.
  await Promise.all([first(labelUpdated(), "m1"), second(labelUpdated(), "m2")]);
  expect(fake.redeployed).toEqual(["s0"]);
  expect(deferrals(other.events)).toMatchObject([{ deferred: 1, claimant: "m2" }]);

  expect(await second(labelUpdated(), "later", again("m2", 1))).toMatchObject({
    withheld: ["s0"],
    deferred: 0,
  });
  expect(fake.redeployed).toEqual(["s0"]);
  // Its end is told for both.
  const decisions = [...fake.decisions.values(), ...other.decisions.values()];
  expect(decisions.map(({ decision }) => decision)).toEqual(["redeploy", "deployment-in-progress"]);
  expect((await other.ports.ledger.findRedeploys("ecs-svc/s0")).length).toBe(1);
});

test("a service is not forced twice within the interval, for whichever secret", async () => {
  const fake = behind(1);
  const other = anotherSecretOf(fake);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  // The deployment is done, and yet too old for the other secret.
  fake.rollBack("s0");
  expect(await createRedeploy(other.ports)(labelUpdated(), "m2")).toMatchObject({ deferred: 1 });
  const later = () => new Date(NOW.getTime() + fake.ports.minIntervalMs);
  const late = { ...other.ports, now: later };
  expect(await createRedeploy(late)(labelUpdated(), "later", again("m2", 1))).toMatchObject({
    redeployed: ["s0"],
  });
  expect(fake.redeployed).toEqual(["s0", "s0"]);
});
