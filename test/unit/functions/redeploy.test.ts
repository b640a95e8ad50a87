import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { DeploymentRefusedError, type ServiceUsingSecret } from "../../../shared/aws/ecs-services.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import { createFakePipeline, labelUpdated, NOW, rotationSucceeded, V1, V2 } from "../../fakes/pipeline.ts";
import { after, again, before, inProgress, onVersion, pipelineWith, service } from "./redeploy-fixtures.ts";

test("redeploys the stale service alone", async () => {
  const fake = pipelineWith("accepted");
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    adopted: 2,
    stale: 1,
    redeployed: ["legacy-api"],
  });
  expect(fake.redeployed).toEqual(["legacy-api"]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "ServiceRedeployed"]);
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "redeploy", deploymentId: "ecs-svc/1" }]);
});

test("never redeploys on a rejected verdict", async () => {
  const fake = pipelineWith("rejected");
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    redeployed: [],
    withheld: ["legacy-api"],
  });
  expect(fake.redeployed).toEqual([]);
  expect(fake.events[1]).toMatchObject({
    type: "RedeployWithheld",
    detail: { reason: "credential-rejected" },
  });
});

test("redeploys a service once, however often its rotation is told of", async () => {
  const fake = pipelineWith("accepted");
  const redeploy = createRedeploy(fake.ports);
  await Promise.all([
    redeploy(labelUpdated(), "m1"),
    redeploy(rotationSucceeded(), "m2"),
    redeploy(labelUpdated(), "m3"),
  ]);
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("redeploys a service once where SQS delivers one message twice at the same time", async () => {
  const fake = pipelineWith("accepted");
  const redeploy = createRedeploy(fake.ports);
  await Promise.all([redeploy(labelUpdated(), "m1"), redeploy(labelUpdated(), "m1")]);
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("waits for a verdict that comes after the deadline check, and then acts on it", async () => {
  const fake = pipelineWith(undefined);
  const redeploy = createRedeploy(fake.ports);
  await expect(redeploy(labelUpdated(), "m1")).rejects.toThrow("no verdict");
  expect(fake.redeployed).toEqual([]);
  expect(fake.events).toEqual([]);
  fake.versions.set(V2, { verdict: "accepted" });
  await redeploy(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("has no need of a verdict where every task is on the version", async () => {
  const fake = pipelineWith(undefined);
  fake.services.pop();
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    outcome: "checked",
    stale: 0,
  });
});

test("leaves a version alone that was superseded before its deadline", async () => {
  const fake = pipelineWith("accepted");
  expect(await createRedeploy(fake.ports)(labelUpdated(V1), "m1")).toMatchObject({ outcome: "superseded" });
  expect(fake.redeployed).toEqual([]);
});

test("leaves a version alone of which the ledger knows a successor", async () => {
  const fake = pipelineWith("accepted");
  fake.versions.set(V2, { verdict: "accepted", supersededBy: "33333333-3333-4333-8333-333333333333" });
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({ outcome: "superseded" });
  expect(fake.redeployed).toEqual([]);
});

test.each<{ what: string; changes: Partial<ServiceUsingSecret>; reason: string }>([
  { what: "is deployed by CodeDeploy", changes: { canForce: false }, reason: "deployment-controller" },
  { what: "pins the version", changes: { use: "pinned" }, reason: "secret-pinned" },
])("leaves a service that $what alone, and says so", async ({ changes, reason }) => {
  const fake = pipelineWith("accepted");
  fake.services.splice(0, 2, service("legacy-api", { l1: before }, changes));
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual([]);
  expect(fake.events[1]).toMatchObject({ type: "RedeployWithheld", detail: { reason } });
});

test("a service that pins a part of what it starts with is redeployed for the rest, and the pin is told", async () => {
  const fake = pipelineWith("accepted");
  fake.services[1] = service("legacy-api", { l1: before }, { use: "partly-pinned" });
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api"]);
  expect(fake.events[1]).toMatchObject({ type: "ServiceRedeployed", detail: { pinned: true } });
});

test("notes in the ledger what the check found", async () => {
  const fake = pipelineWith("accepted");
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  const found = { adopted: 2, stale: 1, deferred: 0, unmanaged: 0 };
  expect(fake.checks.get(V2)).toEqual({ checkedAt: NOW.toISOString(), ...found });
});

test("redeploys the others where ECS refuses one, and asks for the message again", async () => {
  const fake = pipelineWith("accepted");
  fake.services.unshift(service("refused-api", { r1: before }));
  let isRefused = true;
  const ecs = {
    ...fake.ports.ecs,
    forceNewDeployment: async (one: Pick<ServiceUsingSecret, "serviceArn" | "clusterArn">) => {
      if (one.serviceArn === "refused-api" && isRefused) throw new DeploymentRefusedError("refused");
      return fake.ports.ecs.forceNewDeployment(one);
    },
  };
  const redeploy = createRedeploy({ ...fake.ports, ecs });
  await expect(redeploy(labelUpdated(), "m1")).rejects.toThrow("1 of 2 services");
  expect(fake.redeployed).toEqual(["legacy-api"]);
  // Nothing was deployed, so that the service need not wait for its next turn.
  isRefused = false;
  await redeploy(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api", "refused-api"]);
});

test("goes on after a crash between the claim and the deployment, when the message comes again", async () => {
  const fake = pipelineWith("accepted");
  const crash = { ...fake.ports.ecs, forceNewDeployment: () => Promise.reject(new Error("crash")) };
  await expect(createRedeploy({ ...fake.ports, ecs: crash })(labelUpdated(), "m1")).rejects.toThrow();
  const later = () => new Date(fake.ports.now().getTime() + fake.ports.minIntervalMs);
  await createRedeploy({ ...fake.ports, now: later })(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("does nothing before the deadline: a late message of an earlier rotation finds the newer version", async () => {
  const fake = pipelineWith("accepted");
  const redeploy = createRedeploy({ ...fake.ports, deadlineMs: 60_000 });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ outcome: "not-due" });
  expect(fake.redeployed).toEqual([]);
});

test("tells of the deployment that it forced itself before a crash as forced, not as withheld", async () => {
  const fake = pipelineWith("accepted");
  const bus = {
    publish: async (event: DomainEvent) => {
      if (event.type === "ServiceRedeployed") throw new Error("crash");
    },
  };
  await expect(createRedeploy({ ...fake.ports, bus })(labelUpdated(), "m1")).rejects.toThrow();
  fake.services[1] = service("legacy-api", { l1: before }, inProgress(after));
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    stale: 1,
    redeployed: ["legacy-api"],
    withheld: [],
  });
  expect(fake.redeployed).toEqual(["legacy-api"]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "ServiceRedeployed"]);
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "redeploy", deploymentId: "ecs-svc/7" }]);
});

test("a dry run says what it would deploy, and deploys nothing", async () => {
  const fake = pipelineWith("accepted");
  const redeploy = createRedeploy({ ...fake.ports, dryRun: true });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ planned: ["legacy-api"], redeployed: [] });
  expect(fake.redeployed).toEqual([]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "RedeployPlanned"]);
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "dry-run" }]);
});

test("a credential that could not be tried leads to a deployment where that is allowed", async () => {
  const fake = pipelineWith("unverifiable");
  await createRedeploy({ ...fake.ports, mayRedeployUnverified: true })(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

const host = { ...onVersion("host:4711", V1), heardAt: before.toISOString() };

test("tells once in a check of instances that no deployment can reach", async () => {
  const fake = createFakePipeline();
  fake.versions.set(V2, { verdict: "accepted" });
  fake.instances.set("host:4711", host);
  fake.standaloneTasks.push({ taskArn: "job", createdAt: before });
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect(fake.events.at(-1)).toMatchObject({
    type: "StaleUnmanaged",
    detail: { instances: 2, examples: ["job", "host:4711"] },
  });
  await createRedeploy(fake.ports)(labelUpdated(), "later", again("m1", 1));
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "StaleUnmanaged", "AdoptionChecked"]);
});

test("an instance that keeps the old credential because the new one is bad does what it should", async () => {
  const fake = createFakePipeline();
  fake.versions.set(V2, { verdict: "rejected" });
  fake.instances.set("host:4711", host);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect(fake.eventTypes()).toEqual(["AdoptionChecked"]);
});

test("withholds where somebody else's deployment began after the check had looked", async () => {
  const fake = pipelineWith("accepted");
  const { primaryDeployment } = inProgress(after);
  const ecs = { ...fake.ports.ecs, findDeployment: async () => primaryDeployment };
  await createRedeploy({ ...fake.ports, ecs, minIntervalMs: 0 })(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual([]);
  expect(fake.events[1]).toMatchObject({
    type: "RedeployWithheld",
    detail: { reason: "deployment-in-progress" },
  });
  expect([...fake.decisions.values()]).toMatchObject([{ deploymentId: "ecs-svc/7" }]);
  expect(fake.heldBy()).toEqual([]);
});

test("forces nothing where the version was superseded after the check had looked", async () => {
  const fake = pipelineWith("accepted");
  const ecs = {
    ...fake.ports.ecs,
    findDeployment: async () => {
      fake.versions.set(V2, { verdict: "accepted", currentSince: NOW.toISOString() });
      return undefined;
    },
  };
  expect(await createRedeploy({ ...fake.ports, ecs })(labelUpdated(), "m1")).toMatchObject({
    redeployed: [],
    deferred: 0,
  });
  expect([fake.redeployed, [...fake.decisions.values()], fake.heldBy()]).toEqual([[], [], []]);
});

test("gives place and turn back where the last look fails", async () => {
  const fake = pipelineWith("accepted");
  const ecs = { ...fake.ports.ecs, findDeployment: () => Promise.reject(new Error("throttled")) };
  await expect(createRedeploy({ ...fake.ports, ecs })(labelUpdated(), "m1")).rejects.toThrow("1 of 1");
  expect(fake.heldBy()).toEqual([]);
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  expect(fake.redeployed).toEqual(["legacy-api"]);
});
