import * as z from "zod/mini";
import type { AwsOperation, AwsPlace } from "../service.ts";
import { clusterName, EcsName, type EcsNames, taskDefinitionParts } from "./ecs-names.ts";
import { type EcsState, page, parseInput } from "./ecs-state.ts";
import { RegisterTaskDefinitionInput, type TaskDefinition } from "./task-definition.ts";

const CreateCluster = z.strictObject({
  clusterName: z.optional(EcsName),
  tags: z.optional(z.array(z.unknown())),
});
const DescribeClusters = z.object({ clusters: z.optional(z.array(z.string()).check(z.maxLength(100))) });
const DescribeTaskDefinition = z.object({ taskDefinition: z.string() });

/** Clusters and task definitions. */
export function clusterOperations(
  state: EcsState,
  names: EcsNames,
  { accountId }: AwsPlace,
  now: () => number,
): Record<string, AwsOperation> {
  function describeCluster(name: string): object {
    const services = [...state.services.values()].filter(
      ({ cluster, status }) => cluster === name && status === "ACTIVE",
    );
    const tasks = [...state.tasks.values()].filter(({ identity }) => identity.cluster === name);
    const count = (status: string) => tasks.filter((task) => task.state.lastStatus === status).length;
    return {
      clusterArn: names.cluster(name),
      clusterName: name,
      status: "ACTIVE",
      registeredContainerInstancesCount: 0,
      runningTasksCount: count("RUNNING"),
      pendingTasksCount: count("PENDING"),
      activeServicesCount: services.length,
      statistics: [],
      tags: [],
      settings: [],
      capacityProviders: [],
      defaultCapacityProviderStrategy: [],
    };
  }

  return {
    CreateCluster: {
      access: (input) => [
        { action: "ecs:CreateCluster", resource: names.cluster(clusterName(input.clusterName)) },
      ],
      run(input) {
        const { clusterName: name = "default" } = parseInput(CreateCluster, input);
        state.clusters.add(name);
        return { cluster: describeCluster(name) };
      },
    },
    DescribeClusters: {
      access: (input) =>
        strings(input.clusters, ["default"]).map((cluster) => ({
          action: "ecs:DescribeClusters",
          resource: names.cluster(clusterName(cluster)),
        })),
      run(input) {
        const wanted = (parseInput(DescribeClusters, input).clusters ?? ["default"]).map(clusterName);
        return {
          clusters: wanted.filter((name) => state.clusters.has(name)).map(describeCluster),
          failures: wanted
            .filter((name) => !state.clusters.has(name))
            .map((name) => ({ arn: names.cluster(name), reason: "MISSING" })),
        };
      },
    },
    ListClusters: {
      access: () => [{ action: "ecs:ListClusters", resource: "*" }],
      run(input) {
        const { items, nextToken } = page([...state.clusters].map(names.cluster), input, 100);
        return { clusterArns: items, nextToken };
      },
    },
    RegisterTaskDefinition: {
      access(input) {
        const family = typeof input.family === "string" ? input.family : "*";
        const roles = [input.taskRoleArn, input.executionRoleArn].filter((role) => typeof role === "string");
        return [
          { action: "ecs:RegisterTaskDefinition", resource: names.taskDefinition(family, "*") },
          ...roles.map((resource) => ({
            action: "iam:PassRole",
            resource,
            context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
          })),
        ];
      },
      run(input) {
        const given = parseInput(RegisterTaskDefinitionInput, input, "ClientException");
        const revisions = state.definitions.get(given.family) ?? [];
        const revision = revisions.length + 1;
        const taskDefinition: TaskDefinition = {
          ...given,
          taskDefinitionArn: names.taskDefinition(given.family, revision),
          revision,
          status: "ACTIVE",
          registeredAt: now() / 1000,
        };
        state.definitions.set(given.family, [...revisions, taskDefinition]);
        return { taskDefinition: answer(taskDefinition, accountId), tags: [] };
      },
    },
    DescribeTaskDefinition: {
      // Neither a resource nor a condition key of its own: only `*` allows it.
      access: () => [{ action: "ecs:DescribeTaskDefinition", resource: "*" }],
      run(input) {
        const { taskDefinition } = parseInput(DescribeTaskDefinition, input);
        const { family, revision } = taskDefinitionParts(taskDefinition);
        const identifier = revision === undefined ? family : `${family}:${revision}`;
        const found = state.definition(identifier, "Unable to describe task definition.");
        return { taskDefinition: answer(found, accountId), tags: [] };
      },
    },
  };
}

function answer({ tags: _tags, ...definition }: TaskDefinition, accountId: string): object {
  return {
    ...definition,
    containerDefinitions: definition.containerDefinitions.map((container) => ({
      cpu: 0,
      essential: true,
      environment: [],
      mountPoints: [],
      volumesFrom: [],
      portMappings: [],
      ...(container as object),
    })),
    volumes: [],
    placementConstraints: [],
    compatibilities: ["EC2", "FARGATE"],
    registeredBy: `arn:aws:iam::${accountId}:root`,
  };
}

/** The texts of a list in an input that has not been checked yet. */
export function strings(value: unknown, fallback: readonly string[] = []): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : fallback;
}
