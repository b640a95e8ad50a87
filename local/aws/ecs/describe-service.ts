import type { AwsPlace } from "../service.ts";
import type { EcsNames } from "./ecs-names.ts";
import type { Task } from "./task.ts";
import type { TaskDefinition } from "./task-definition.ts";

export interface DeploymentConfiguration {
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  readonly deploymentCircuitBreaker?: { readonly enable: boolean; readonly rollback: boolean } | undefined;
}

/** One rollout of a task definition. Times are epoch milliseconds. */
export interface Deployment {
  readonly id: string;
  readonly definition: TaskDefinition;
  readonly createdAt: number;
  updatedAt: number;
  rolloutState: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  rolloutStateReason: string;
  failedTasks: number;
}

export interface ServiceEvent {
  readonly id: string;
  /** Epoch seconds. */
  readonly createdAt: number;
  readonly message: string;
}

export interface ServiceFacts {
  readonly name: string;
  readonly cluster: string;
  readonly status: string;
  readonly desiredCount: number;
  readonly definition: TaskDefinition;
  readonly configuration: DeploymentConfiguration;
  readonly createdAt: number;
  readonly events: readonly ServiceEvent[];
  /** Newest first: it is the primary one. */
  readonly deployments: readonly Deployment[];
  /** Without those that have stopped. */
  readonly tasks: readonly Task[];
  /** Absent where the call does not ask for them. */
  readonly tags?: readonly Tag[] | undefined;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

const platform = { launchType: "FARGATE", platformFamily: "Linux", platformVersion: "LATEST" };

/** A service as DescribeServices answers it. Timestamps are epoch seconds. */
export function describeService(facts: ServiceFacts, names: EcsNames, { accountId }: AwsPlace): object {
  const { name, cluster, desiredCount, tasks } = facts;
  return {
    ...platform,
    ...counts(tasks),
    serviceArn: names.service(cluster, name),
    serviceName: name,
    clusterArn: names.cluster(cluster),
    status: facts.status,
    desiredCount,
    schedulingStrategy: "REPLICA",
    deploymentController: { type: "ECS" },
    loadBalancers: [],
    serviceRegistries: [],
    placementConstraints: [],
    placementStrategy: [],
    enableECSManagedTags: false,
    enableExecuteCommand: false,
    propagateTags: "NONE",
    ...(facts.tags && { tags: facts.tags }),
    taskDefinition: facts.definition.taskDefinitionArn,
    deploymentConfiguration: facts.configuration,
    createdAt: facts.createdAt / 1000,
    createdBy: `arn:aws:iam::${accountId}:root`,
    events: facts.events,
    deployments: facts.deployments.map((deployment, index) => {
      const own = tasks.filter(({ identity }) => identity.startedBy === deployment.id);
      return {
        ...platform,
        ...counts(own),
        id: deployment.id,
        status: index === 0 ? "PRIMARY" : "ACTIVE",
        taskDefinition: deployment.definition.taskDefinitionArn,
        desiredCount: index === 0 ? desiredCount : counts(own).runningCount,
        failedTasks: deployment.failedTasks,
        createdAt: deployment.createdAt / 1000,
        updatedAt: deployment.updatedAt / 1000,
        rolloutState: deployment.rolloutState,
        rolloutStateReason: deployment.rolloutStateReason,
      };
    }),
  };
}

function counts(tasks: readonly Task[]): { readonly runningCount: number; readonly pendingCount: number } {
  const count = (status: string) => tasks.filter(({ state }) => state.lastStatus === status).length;
  return { runningCount: count("RUNNING"), pendingCount: count("PENDING") };
}
