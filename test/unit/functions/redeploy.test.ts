import { expect, test } from "vitest";
import { planRedeploy } from "../../../functions/redeploy/plan-redeploy.ts";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import type { ServiceUsingSecret } from "../../../shared/aws/ecs-services.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import {
  createFakePipeline,
  labelUpdated,
  ROTATED_AT,
  rotationSucceeded,
  V1,
  V2,
} from "../../fakes/pipeline.ts";

const currentSince = new Date(ROTATED_AT);
const before = new Date(currentSince.getTime() - 60_000);
const after = new Date(currentSince.getTime() + 10);

const service = (
  name: string,
  tasks: Record<string, Date>,
  changes: Partial<ServiceUsingSecret> = {},
): ServiceUsingSecret => ({
  serviceArn: name,
  clusterArn: "main",
  use: "current",
  canForce: true,
  tasks: Object.entries(tasks).map(([taskArn, createdAt]) => ({ taskArn, createdAt })),
  primaryDeployment: { createdAt: before, inProgress: false },
  ...changes,
});
const onVersion = (instanceId: string, versionId: string) => ({
  instanceId,
  service: "orders-api",
  versionId,
});
const inProgress = (createdAt: Date) => ({ primaryDeployment: { createdAt, inProgress: true } });

test.each<{
  name: string;
  verdict: Verdict | undefined;
  service: ServiceUsingSecret;
  reported?: string;
  decision: string | undefined;
}>([
  {
    name: "a task that never reported",
    verdict: "accepted",
    service: service("s", { t: before }),
    decision: "redeploy",
  },
  {
    name: "a task that reported the version",
    verdict: "accepted",
    service: service("s", { t: before }),
    reported: V2,
    decision: undefined,
  },
  {
    name: "a task that reported the version before",
    verdict: "accepted",
    service: service("s", { t: before }),
    reported: V1,
    decision: "redeploy",
  },
  {
    name: "a task that was created after the rotation",
    verdict: "accepted",
    service: service("s", { t: after }),
    decision: undefined,
  },
  {
    name: "a rejected credential",
    verdict: "rejected",
    service: service("s", { t: before }),
    decision: "credential-rejected",
  },
  {
    name: "a credential that could not be tried",
    verdict: "unverifiable",
    service: service("s", { t: before }),
    decision: "credential-unverifiable",
  },
  { name: "no verdict yet", verdict: undefined, service: service("s", { t: before }), decision: "wait" },
  {
    name: "a deployment that began after the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, inProgress(after)),
    decision: "deployment-in-progress",
  },
  {
    name: "a deployment that began before the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, inProgress(before)),
    decision: "redeploy",
  },
])("decides on $name: $decision", ({ verdict, service, reported, decision }) => {
  const instances = reported ? [onVersion("t", reported)] : [];
  const plan = planRedeploy({ versionId: V2, currentSince, verdict, services: [service], instances });
  expect(plan.staleServices.map((stale) => stale.decision)).toEqual(decision ? [decision] : []);
  expect(plan.adopted + plan.stale).toBe(1);
});

function pipelineWith(verdict: Verdict | undefined) {
  const fake = createFakePipeline();
  if (verdict) fake.versions.set(V2, { verdict });
  fake.services.push(
    service("orders-api", { o1: before, o2: before }),
    service("legacy-api", { l1: before }),
  );
  for (const task of ["o1", "o2"]) fake.instances.set(task, onVersion(task, V2));
  return fake;
}

test("redeploys the stale service alone", async () => {
  const fake = pipelineWith("accepted");
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    adopted: 2,
    stale: 1,
    redeployed: ["legacy-api"],
  });
  expect(fake.redeployed).toEqual(["legacy-api"]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "ServiceRedeployed"]);
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

test("redeploys the others where ECS refuses one, and asks for the message again", async () => {
  const fake = pipelineWith("accepted");
  fake.services.unshift(service("refused-api", { r1: before }));
  const ecs = {
    ...fake.ports.ecs,
    forceNewDeployment: async (one: Pick<ServiceUsingSecret, "serviceArn" | "clusterArn">) => {
      if (one.serviceArn === "refused-api") throw new Error("InvalidParameterException");
      await fake.ports.ecs.forceNewDeployment(one);
    },
  };
  await expect(createRedeploy({ ...fake.ports, ecs })(labelUpdated(), "m1")).rejects.toThrow(
    "1 of 2 services",
  );
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("goes on after a crash between the claim and the deployment, when the message comes again", async () => {
  const fake = pipelineWith("accepted");
  const crash = { ...fake.ports.ecs, forceNewDeployment: () => Promise.reject(new Error("crash")) };
  await expect(createRedeploy({ ...fake.ports, ecs: crash })(labelUpdated(), "m1")).rejects.toThrow();
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
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
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({ stale: 1 });
  expect(fake.redeployed).toEqual(["legacy-api"]);
  expect(fake.eventTypes()).toEqual(["AdoptionChecked", "ServiceRedeployed"]);
});
