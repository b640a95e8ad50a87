import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createFollowDeployment } from "../../../functions/redeploy/follow-deployment.ts";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { parseRedeployMessage } from "../../../functions/redeploy/redeploy-message.ts";
import type { DeploymentChange } from "../../../shared/contract/deployment-change.ts";
import { InvalidMessageError } from "../../../shared/contract/errors.ts";
import { createMutator, readSamples } from "../../fakes/mutated-events.ts";
import { labelUpdated, NOW } from "../../fakes/pipeline.ts";
import { pipelineWith } from "./redeploy-fixtures.ts";

const change: DeploymentChange = {
  serviceArn: "legacy-api",
  deploymentId: "ecs-svc/1",
  outcome: "completed",
  endedAt: new Date(NOW.getTime() + 41_000).toISOString(),
  reason: "ECS deployment ecs-svc/1 completed.",
};

async function afterRedeploy() {
  const fake = pipelineWith("accepted");
  await createRedeploy(fake.ports)(labelUpdated(), "m1");
  fake.events.splice(0);
  return { ...fake, follow: createFollowDeployment(fake.ports) };
}

test("tells once that a deployment that was forced is done, and how long it took", async () => {
  const { follow, events } = await afterRedeploy();
  expect(await follow(change)).toMatchObject({ outcome: "completed" });
  expect(await follow(change)).toMatchObject({ outcome: "already-told" });
  expect(events).toMatchObject([
    {
      type: "RedeployCompleted",
      detail: { serviceArn: "legacy-api", deploymentId: "ecs-svc/1", durationMs: 41_000 },
    },
  ]);
});

test("a deployment that has ended gives its place to the next one, and an earlier one's end does not", async () => {
  const { follow, heldBy } = await afterRedeploy();
  expect(heldBy()).toEqual(["legacy-api"]);
  await follow({ ...change, deploymentId: "ecs-svc/0" });
  expect(heldBy()).toEqual(["legacy-api"]);
  await follow({ ...change, outcome: "failed" });
  expect(heldBy()).toEqual([]);
});

test("tells that the circuit breaker stopped it, whatever ECS says afterwards", async () => {
  const { follow, events } = await afterRedeploy();
  const reason = "ECS deployment circuit breaker: task failed to start.";
  expect(await follow({ ...change, outcome: "failed", reason })).toMatchObject({ outcome: "failed" });
  await follow(change);
  expect(events).toMatchObject([{ type: "RedeployFailed", detail: { reason } }]);
});

test("says nothing of the deployments of others", async () => {
  const { follow, events } = await afterRedeploy();
  expect(await follow({ ...change, deploymentId: "ecs-svc/2" })).toMatchObject({ outcome: "not-ours" });
  expect(await follow({ ...change, serviceArn: "orders-api" })).toMatchObject({ outcome: "not-ours" });
  expect(events).toEqual([]);
});

const readEvent = (path: string): object =>
  JSON.parse(readFileSync(new URL(`../../../events/${path}`, import.meta.url), "utf8"));

test.each(["completed", "failed"] as const)(
  "reads ECS's own event of a deployment that has %s",
  (outcome) => {
    expect(parseRedeployMessage(readEvent(`deployments/deployment-${outcome}.json`))).toMatchObject({
      change: {
        serviceArn: "arn:aws:ecs:us-west-2:111122223333:service/default/servicetest",
        deploymentId: "ecs-svc/123",
        outcome,
        endedAt: "2020-05-23T11:11:11Z",
      },
    });
  },
);

test("a check that was deferred goes on as the one that it was", () => {
  expect(parseRedeployMessage(readEvent("domain/redeploy-deferred.json"))).toMatchObject({
    event: {
      versionId: "00000000-0000-4000-8000-000000000001",
      source: "label-updated",
      occurredAt: "2026-11-01T10:00:00Z",
    },
    progress: { claimant: "19dd0b57-b21e-4ac1-bd88-01bbb068cb00", round: 1 },
  });
});

test("a credential that is accepted after all begins a check of that rotation", () => {
  const verified = readEvent("domain/credential-verified.json") as { detail: object };
  const tried = {
    previousVerdict: "unreachable",
    detectedBy: "label-updated",
    toldAt: "2026-11-01T10:00:00Z",
  };
  const message = parseRedeployMessage({ ...verified, detail: { ...verified.detail, ...tried } });
  expect(message).toMatchObject({
    event: {
      versionId: "00000000-0000-4000-8000-000000000001",
      source: "label-updated",
      occurredAt: "2026-11-01T10:00:00Z",
    },
    acceptedSince: "2026-11-01T10:00:00.000Z",
  });
  expect(message).not.toHaveProperty("progress");
});

test("an event of a rotation begins a check", () => {
  const message = parseRedeployMessage(readEvent("sources/secret-label-updated.json"));
  expect(message).toMatchObject({ event: { source: "label-updated" } });
  expect(message).not.toHaveProperty("progress");
});

test.each([
  { what: "a first verdict", body: readEvent("domain/credential-verified.json") },
  { what: "another domain event", body: readEvent("domain/instance-swapped.json") },
  {
    what: "a deployment that is under way",
    body: {
      ...readEvent("deployments/deployment-completed.json"),
      detail: { eventName: "SERVICE_DEPLOYMENT_IN_PROGRESS" },
    },
  },
  {
    what: "a deployment of nothing",
    body: { ...readEvent("deployments/deployment-failed.json"), resources: [] },
  },
  { what: "no event", body: "text" },
])("refuses $what", ({ body }) => {
  expect(() => parseRedeployMessage(body)).toThrow(InvalidMessageError);
});

test("reads mutated messages, or refuses them with a reason", () => {
  const next = createMutator(["deployments", "domain", "sources"].flatMap(readSamples), 20_261_101);
  for (let index = 0; index < 10_000; index++) {
    const message = next();
    try {
      parseRedeployMessage(message);
    } catch (error) {
      if (!(error instanceof InvalidMessageError))
        expect.unreachable(`${error} for ${JSON.stringify(message)}`);
    }
  }
});
