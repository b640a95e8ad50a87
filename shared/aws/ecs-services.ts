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

/** How a service's tasks come to the secret; "pinned" ones start with the same version whatever is current. */
export type SecretUse = "current" | "pinned";

/** A service that uses the secret, and its tasks as ECS knows them. */
export interface ServiceUsingSecret {
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly use: SecretUse;
  /** False where CodeDeploy or somebody else deploys the service: ECS refuses to be forced then. */
  readonly canForce: boolean;
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

  // A revision of a task definition never changes, and looking one up is an action with a low rate limit.
  const definitions = new Map<string, ContainerDefinition[]>();
  const containersOf = async (taskDefinition: string): Promise<ContainerDefinition[]> => {
    const known = definitions.get(taskDefinition);
    if (known) return known;
    const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
    const containers = answer.taskDefinition?.containerDefinitions ?? [];
    definitions.set(taskDefinition, containers);
    return containers;
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
          // A service of an external deployment controller has task sets instead of a task definition.
          if (!serviceArn || status !== "ACTIVE" || !taskDefinition) continue;
          const use = secretUse(await containersOf(taskDefinition), secretArn);
          if (!use) continue;
          const primary = service.deployments?.find((deployment) => deployment.status === "PRIMARY");
          using.push({
            serviceArn,
            clusterArn,
            use,
            canForce: (service.deploymentController?.type ?? "ECS") === "ECS",
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

/** Environment variables that may name the secret instead of giving its ARN. */
const NAME_VARIABLES = new Set(["DB_SECRET_ID"]);

/**
 * How containers use a secret: injected (`valueFrom`: its ARN, with or without `:json-key:stage:version`), or told by an
 * environment variable, as a service with the client library is: any that holds the ARN, or `DB_SECRET_ID` with the name.
 * The ARN may come without its last six characters, which ECS and Secrets Manager take too.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 *
 * @returns undefined where they do not; "pinned" only where nothing follows AWSCURRENT
 */
export function secretUse(
  containers: readonly ContainerDefinition[],
  secretArn: string,
): SecretUse | undefined {
  // A hyphen and six characters that Secrets Manager adds to the name.
  const partialArn = secretArn.slice(0, -7);
  const name = partialArn.split(":").slice(6).join(":");
  const isArn = (text: string | undefined) => text === secretArn || text === partialArn;

  const uses = containers.flatMap(({ secrets = [], environment = [] }): SecretUse[] => [
    ...secrets.flatMap(({ valueFrom = "" }): SecretUse[] => {
      const parts = valueFrom.split(":");
      if (!isArn(parts.slice(0, 7).join(":"))) return [];
      const [, stage = "", versionId = ""] = parts.slice(7);
      return [versionId === "" && (stage === "" || stage === "AWSCURRENT") ? "current" : "pinned"];
    }),
    ...environment.flatMap(({ name: variable = "", value }): SecretUse[] =>
      isArn(value) || (NAME_VARIABLES.has(variable) && value === name) ? ["current"] : [],
    ),
  ]);
  return uses.includes("current") ? "current" : uses[0];
}
