import {
  type ContainerDefinition,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  type ECSClient,
  paginateListServices,
  paginateListTasks,
  type Service,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";

/** A running task, as far as rotations care. */
export interface RunningTask {
  readonly taskArn: string;
  /** ECS injects secrets once, after this moment. */
  readonly createdAt: Date;
}

/** A service that uses the secret, and its tasks as ECS knows them. */
export interface ServiceUsingSecret {
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly tasks: readonly RunningTask[];
  /** The deployment that ECS works towards. */
  readonly primaryDeployment?: { readonly createdAt: Date; readonly inProgress: boolean };
}

/** The truth about tasks. */
export interface EcsServices {
  findUsing(secretArn: string): Promise<ServiceUsingSecret[]>;
  forceNewDeployment(service: Pick<ServiceUsingSecret, "serviceArn" | "clusterArn">): Promise<void>;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html and API_DescribeTasks.html */
const MAX_SERVICES = 10;
const MAX_TASKS = 100;

/** @param clusters names or ARNs of the clusters to look at */
export function createEcsServices(client: ECSClient, clusters: readonly string[]): EcsServices {
  const describeServices = async (cluster: string): Promise<Service[]> => {
    const services: Service[] = [];
    for await (const page of paginateListServices({ client, pageSize: MAX_SERVICES }, { cluster })) {
      if (!page.serviceArns?.length) continue;
      const answer = await client.send(new DescribeServicesCommand({ cluster, services: page.serviceArns }));
      services.push(...(answer.services ?? []));
    }
    return services;
  };

  const containersOf = async (taskDefinition: string | undefined): Promise<ContainerDefinition[]> => {
    const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
    return answer.taskDefinition?.containerDefinitions ?? [];
  };

  const runningTasks = async (cluster: string, serviceArn: string): Promise<RunningTask[]> => {
    const tasks: RunningTask[] = [];
    const query = { cluster, serviceName: serviceArn, desiredStatus: "RUNNING" as const };
    for await (const page of paginateListTasks({ client, pageSize: MAX_TASKS }, query)) {
      if (!page.taskArns?.length) continue;
      const answer = await client.send(new DescribeTasksCommand({ cluster, tasks: page.taskArns }));
      for (const { taskArn, createdAt } of answer.tasks ?? []) {
        if (taskArn && createdAt) tasks.push({ taskArn, createdAt });
      }
    }
    return tasks;
  };

  return {
    async findUsing(secretArn) {
      const using: ServiceUsingSecret[] = [];
      for (const cluster of clusters) {
        for (const service of await describeServices(cluster)) {
          const { serviceArn, clusterArn = cluster, status, taskDefinition } = service;
          if (!serviceArn || status !== "ACTIVE") continue;
          if (!usesSecret(await containersOf(taskDefinition), secretArn)) continue;
          const primary = service.deployments?.find((deployment) => deployment.status === "PRIMARY");
          using.push({
            serviceArn,
            clusterArn,
            tasks: await runningTasks(cluster, serviceArn),
            ...(primary?.createdAt && {
              primaryDeployment: {
                createdAt: primary.createdAt,
                inProgress: primary.rolloutState === "IN_PROGRESS",
              },
            }),
          });
        }
      }
      return using;
    },

    async forceNewDeployment({ serviceArn, clusterArn }) {
      await client.send(
        new UpdateServiceCommand({ cluster: clusterArn, service: serviceArn, forceNewDeployment: true }),
      );
    },
  };
}

/**
 * True where a container gets the secret injected (`valueFrom`: the ARN, with or without `:json-key:stage:version`),
 * or is told its ARN or name by an environment variable, as a service with the client library is.
 */
export function usesSecret(containers: readonly ContainerDefinition[], secretArn: string): boolean {
  const name = secretName(secretArn);
  return containers.some(
    ({ secrets = [], environment = [] }) =>
      secrets.some(({ valueFrom }) => valueFrom?.split(":").slice(0, 7).join(":") === secretArn) ||
      environment.some(({ value }) => value === secretArn || value === name),
  );
}

/** The name is the ARN's last part without the hyphen and six characters that Secrets Manager adds. */
function secretName(secretArn: string): string {
  return secretArn.split(":").slice(6).join(":").slice(0, -7);
}
