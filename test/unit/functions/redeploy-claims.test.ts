import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import type { PrimaryDeployment, ServiceUsingSecret, UsersQuery } from "../../../shared/aws/ecs-services.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import { labelUpdated, NOW, V2 } from "../../fakes/pipeline.ts";
import { after, again, before, onVersion, pipelineWith, service } from "./redeploy-fixtures.ts";

const lapsed = new Date(NOW.getTime() + 360_000);
const deployment = (changes: Partial<PrimaryDeployment> = {}) => ({
  primaryDeployment: { id: "ecs-svc/7", createdAt: after, inProgress: false, ...changes },
});
const ended = (reason: string) => ({ at: new Date(NOW.getTime() + 40_000), reason });

/** A handler that crashed when it had the right to deploy legacy-api, before or after it asked ECS to. */
async function afterCrash() {
  const fake = pipelineWith("accepted");
  const crash = { ...fake.ports.ecs, forceNewDeployment: () => Promise.reject(new Error("crash")) };
  await expect(createRedeploy({ ...fake.ports, ecs: crash })(labelUpdated(), "m1")).rejects.toThrow();
  fake.events.splice(0);
  const found = (changes: Partial<ServiceUsingSecret>, tasks: Record<string, Date> = { l2: after }) => {
    fake.services[1] = service("legacy-api", tasks, changes);
  };
  return { ...fake, found, later: createRedeploy({ ...fake.ports, now: () => lapsed }) };
}

test("a deployment that was forced before a crash, and is done when the message comes again, is told of with its end", async () => {
  const fake = await afterCrash();
  fake.found(deployment({ ended: ended("completed") }));
  expect(await fake.later(labelUpdated(), "m1")).toMatchObject({ stale: 0, redeployed: ["legacy-api"] });
  expect(fake.events).toMatchObject([
    { type: "AdoptionChecked" },
    { type: "ServiceRedeployed", detail: { deploymentId: "ecs-svc/7", staleTasks: 0 } },
    { type: "RedeployCompleted", detail: { deploymentId: "ecs-svc/7" } },
  ]);
  expect([...fake.decisions.values()]).toMatchObject([
    { decision: "redeploy", deploymentId: "ecs-svc/7", deploymentOutcome: "completed" },
  ]);
  expect([fake.redeployed, fake.heldBy()]).toEqual([[], []]);
});

test("one that the circuit breaker has stopped by then is told of as failed, and not as withheld", async () => {
  const fake = await afterCrash();
  fake.found(deployment({ hasFailed: true, ended: ended("circuit breaker") }), { l1: before });
  expect(await fake.later(labelUpdated(), "m1")).toMatchObject({ stale: 1, withheld: [] });
  expect(fake.events.slice(1)).toMatchObject([
    { type: "ServiceRedeployed", detail: { staleTasks: 1 } },
    { type: "RedeployFailed", detail: { reason: "circuit breaker" } },
  ]);
});

test("a service to which nothing but its claim leads is looked up", async () => {
  const fake = await afterCrash();
  fake.services.pop();
  const ecs = { ...fake.ports.ecs, findDeployment: async () => deployment().primaryDeployment };
  const later = createRedeploy({ ...fake.ports, ecs, now: () => lapsed });
  expect(await later(labelUpdated(), "m1")).toMatchObject({ redeployed: ["legacy-api"] });
});

test.each([
  { what: "the same message", claimant: "m1" },
  { what: "another message", claimant: "m2" },
])("what was not deployed and is still behind is deployed by $what", async ({ claimant }) => {
  const fake = await afterCrash();
  await fake.later(labelUpdated(), claimant);
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("what was not deployed and is behind no longer is finished as that", async () => {
  const fake = await afterCrash();
  fake.instances.set("l1", onVersion("l1", V2));
  expect(await fake.later(labelUpdated(), "m1")).toMatchObject({ outcome: "checked", redeployed: [] });
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "no-longer-behind" }]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked"]);
});

test("what was not deployed and must not be any more is withheld for that reason", async () => {
  const fake = await afterCrash();
  fake.found({ canForce: false }, { l1: before });
  expect(await fake.later(labelUpdated(), "m1")).toMatchObject({ withheld: ["legacy-api"] });
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "deployment-controller" }]);
});

test("a claim of its own that ECS may still be carrying out is waited for", async () => {
  const fake = await afterCrash();
  fake.instances.set("l1", onVersion("l1", V2));
  const redeploy = createRedeploy(fake.ports);
  expect(await redeploy(labelUpdated(), "later", again("m1", 1))).toMatchObject({ deferred: 1 });
  expect([...fake.decisions.values()][0]).not.toHaveProperty("decision");
});

test("a claim of another message that is being carried out is left alone", async () => {
  const fake = await afterCrash();
  fake.instances.set("l1", onVersion("l1", V2));
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m2")).toMatchObject({ outcome: "checked" });
  expect([...fake.decisions.values()][0]).not.toHaveProperty("decision");
});

test("a claim to withhold that was never finished ends where the service is not behind any more", async () => {
  const fake = pipelineWith("accepted");
  fake.services[1] = service("legacy-api", { l1: before }, deployment({ inProgress: true }));
  const bus = {
    publish: async ({ type }: DomainEvent) => {
      if (type === "RedeployWithheld") throw new Error("crash");
    },
  };
  await expect(createRedeploy({ ...fake.ports, bus })(labelUpdated(), "m1")).rejects.toThrow();
  fake.services[1] = service("legacy-api", { l2: after }, deployment({ ended: ended("completed") }));
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "no-longer-behind" }]);
});

test("a service that was withheld for now and has followed by itself is not behind any more", async () => {
  const fake = pipelineWith("rejected");
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  fake.instances.set("l1", onVersion("l1", V2));
  await createRedeploy(fake.ports)(labelUpdated(), "m2");
  expect([...fake.decisions.values()]).toMatchObject([
    { decision: "no-longer-behind", earlierDecision: "credential-rejected" },
  ]);
});

test("a deployment that was forced does not stand as withheld where its claim lapses while a check looks", async () => {
  const fake = await afterCrash();
  // When the decisions are read, the claim is another's who may be at it; when they are claimed, it has lapsed.
  let nowMs = NOW.getTime() + 20_000;
  const ecs = {
    ...fake.ports.ecs,
    findUsing: async (query: UsersQuery) => {
      nowMs += 20_000;
      return fake.ports.ecs.findUsing(query);
    },
  };
  fake.found(deployment({ inProgress: true }), { l1: before });
  const check = createRedeploy({ ...fake.ports, ecs, now: () => new Date(nowMs) });
  expect(await check(labelUpdated(), "m2")).toMatchObject({ withheld: [] });
  expect(await check(labelUpdated(), "m3")).toMatchObject({ redeployed: ["legacy-api"] });
});

test("the place of a claim that came to nothing is free again", async () => {
  const fake = await afterCrash();
  expect(fake.heldBy()).toEqual(["legacy-api"]);
  fake.found({ canForce: false }, { l1: before });
  await fake.later(labelUpdated(), "m2");
  expect(fake.heldBy()).toEqual([]);
});

test("the place of one whose service is not behind any more is free again", async () => {
  const fake = await afterCrash();
  fake.instances.set("l1", onVersion("l1", V2));
  await fake.later(labelUpdated(), "m2");
  expect(fake.heldBy()).toEqual([]);
});

test("a service that was withheld and is not behind any more leaves the place to another secret's deployment", async () => {
  const fake = pipelineWith("rejected");
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  // Its deployment was forced for another secret, at the very time of the claim to withhold.
  await fake.ports.slots.search(NOW).take("legacy-api", NOW);
  fake.instances.set("l1", onVersion("l1", V2));
  await createRedeploy(fake.ports)(labelUpdated(), "m2");
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "no-longer-behind" }]);
  expect(fake.heldBy()).toEqual(["legacy-api"]);
});
