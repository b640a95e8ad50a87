import { ServiceNotFoundException } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import type { EcsAnswers } from "./ecs-client.ts";
import { CLUSTER, clusterGone, ecsOf, SECRET, serviceArn, since, taskArn } from "./small-cluster.ts";

/** The cluster `gone` was deleted; the others are there. */
const withoutGone: EcsAnswers = Object.fromEntries(
  Object.entries(CLUSTER).map(([action, answer]) => [
    action,
    (input: { cluster?: string }) => (input.cluster === "gone" ? clusterGone() : answer(input as never)),
  ]),
);

test("a task that reported from a cluster that was deleted since is gone", async () => {
  const ListClusters = () => ({ clusterArns: ["arn:aws:ecs:us-east-1:000000000000:cluster/main"] });
  const { ecs } = ecsOf({ ...withoutGone, ListClusters }, {}, ["*"]);
  const query = { secretArn: SECRET, since, reported: [taskArn("g1", "gone")] };
  const { services, missingClusters } = await ecs.findUsing(query);
  expect(services.map((service) => service.serviceArn)).toEqual([serviceArn("injected")]);
  expect(missingClusters).toEqual([]);
});

test("a cluster that is deleted while all are looked at has nothing", async () => {
  const { ecs } = ecsOf({ ...withoutGone, ListClusters: () => ({ clusterArns: ["gone", "main"] }) }, {}, [
    "*",
  ]);
  const { services, missingClusters } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect([services.length, missingClusters]).toEqual([1, []]);
});

test("tells of a configured cluster that is not there, and finds who is in the others", async () => {
  const { ecs } = ecsOf(withoutGone, {}, ["gone", "main"]);
  const { services, missingClusters } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect([services.length, missingClusters]).toEqual([1, ["gone"]]);
});

test("an account without the default cluster does not use ECS, and that is no mistake", async () => {
  const { ecs } = ecsOf({ ListServices: clusterGone }, {}, ["default"]);
  expect(await ecs.findUsing({ secretArn: SECRET, since, reported: [] })).toEqual({
    services: [],
    standaloneTasks: [],
    missingClusters: [],
  });
});

test("a service that is deleted between two calls has no tasks", async () => {
  const ListTasks = ({ serviceName }: { serviceName?: string }) => {
    if (serviceName) throw new ServiceNotFoundException({ message: "Service not found.", $metadata: {} });
    return { taskArns: [] };
  };
  const { ecs } = ecsOf({ ...CLUSTER, ListTasks });
  const { services } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect(services.map(({ tasks }) => tasks)).toEqual([[]]);
});
