import type { AwsPlace } from "../service.ts";
import type { EcsNames } from "./ecs-names.ts";
import type { Task } from "./task.ts";

const seconds = (epochMs: number) => epochMs / 1000;
const iso = (epochMs: number) => new Date(epochMs).toISOString();

/** A task as DescribeTasks answers it. Timestamps are epoch seconds. */
export function describeTask({ identity, state }: Task, names: EcsNames, { region }: AwsPlace): object {
  const { definition, taskArn } = identity;
  const [container] = definition.containerDefinitions;
  const hasBinding = state.port !== undefined && state.lastStatus !== "STOPPED";
  return {
    taskArn,
    clusterArn: names.cluster(identity.cluster),
    taskDefinitionArn: definition.taskDefinitionArn,
    group: identity.group,
    startedBy: identity.startedBy,
    launchType: "FARGATE",
    availabilityZone: `${region}a`,
    lastStatus: state.lastStatus,
    desiredStatus: state.desiredStatus,
    healthStatus: state.healthStatus,
    createdAt: seconds(state.createdAt),
    startedAt: state.startedAt && seconds(state.startedAt),
    stoppingAt: state.stoppingAt && seconds(state.stoppingAt),
    stoppedAt: state.stoppedAt && seconds(state.stoppedAt),
    stoppedReason: state.stoppedReason,
    stopCode: state.stopCode,
    cpu: definition.cpu,
    memory: definition.memory,
    overrides: { containerOverrides: [{ name: container.name }] },
    containers: [
      {
        containerArn: identity.containerArn,
        taskArn,
        name: container.name,
        image: container.image,
        // ECS gives a container no status of its own while its task is taken out of service.
        lastStatus: state.lastStatus === "DEACTIVATING" ? "RUNNING" : state.lastStatus,
        healthStatus: state.healthStatus,
        exitCode: state.exitCode,
        networkBindings: hasBinding
          ? [
              {
                bindIP: "127.0.0.1",
                containerPort: container.portMappings?.[0]?.containerPort ?? state.port,
                hostPort: state.port,
                protocol: "tcp",
              },
            ]
          : [],
      },
    ],
  };
}

/**
 * A task as its own metadata endpoint answers it under `/task`.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 */
export function describeTaskMetadata(
  { identity, state }: Task,
  names: EcsNames,
  { region }: AwsPlace,
): object {
  const { definition, taskArn, taskId } = identity;
  const [container] = definition.containerDefinitions;
  const clusterArn = names.cluster(identity.cluster);
  const knownStatus = state.lastStatus === "PENDING" ? "CREATED" : state.lastStatus;
  const startedAt = state.startedAt === undefined ? {} : { StartedAt: iso(state.startedAt) };
  return {
    Cluster: clusterArn,
    TaskARN: taskArn,
    Family: definition.family,
    Revision: String(definition.revision),
    ...(identity.serviceName === undefined ? {} : { ServiceName: identity.serviceName }),
    DesiredStatus: state.desiredStatus,
    KnownStatus: knownStatus,
    Limits: { CPU: Number(definition.cpu ?? 256) / 1024, Memory: Number(definition.memory ?? 512) },
    PullStartedAt: iso(state.createdAt),
    PullStoppedAt: iso(state.createdAt),
    AvailabilityZone: `${region}a`,
    LaunchType: "FARGATE",
    Containers: [
      {
        DockerId: `${taskId}-0`,
        Name: container.name,
        DockerName: container.name,
        Image: container.image,
        Labels: {
          "com.amazonaws.ecs.cluster": clusterArn,
          "com.amazonaws.ecs.container-name": container.name,
          "com.amazonaws.ecs.task-arn": taskArn,
          "com.amazonaws.ecs.task-definition-family": definition.family,
          "com.amazonaws.ecs.task-definition-version": String(definition.revision),
        },
        DesiredStatus: state.desiredStatus,
        KnownStatus: knownStatus,
        Limits: { CPU: container.cpu ?? 0 },
        CreatedAt: iso(state.createdAt),
        ...startedAt,
        Type: "NORMAL",
        ...(container.healthCheck
          ? { Health: { status: state.healthStatus, statusSince: iso(state.healthSince) } }
          : {}),
        Networks: [{ NetworkMode: "awsvpc", IPv4Addresses: ["127.0.0.1"] }],
        ContainerARN: identity.containerArn,
      },
    ],
  };
}
