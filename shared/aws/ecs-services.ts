import { type ECSClient, ECSServiceException, type Service, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import pRetry from "p-retry";
import { DependencyError } from "../contract/errors.ts";
import { keepToEcsRates } from "./ecs/request-rates.ts";
import {
  clusterOfTask,
  findRunningTasks,
  listRunningTasks,
  listRunningTasksByService,
  type RunningTask,
} from "./ecs/running-tasks.ts";
import type { SecretUse } from "./ecs/secret-use.ts";
import { createServiceCatalog, describeServices, type ServiceCatalogOptions } from "./ecs/service-catalog.ts";

export type { RunningTask } from "./ecs/running-tasks.ts";
export type { SecretUse } from "./ecs/secret-use.ts";

/** A service that uses the secret, and its tasks as ECS knows them. */
export interface ServiceUsingSecret {
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly use: SecretUse;
  /** False where CodeDeploy or somebody else deploys the service: ECS refuses to be forced then. */
  readonly canForce: boolean;
  readonly tasks: readonly RunningTask[];
  /** The deployment that ECS works towards. */
  readonly primaryDeployment?: {
    readonly id?: string;
    readonly createdAt: Date;
    readonly inProgress: boolean;
    /** The circuit breaker has stopped it, and nothing was rolled back. */
    readonly hasFailed?: boolean;
  };
}

/** Everybody who uses a secret, as far as ECS knows. */
export interface SecretUsers {
  readonly services: readonly ServiceUsingSecret[];
  /** Running tasks that reported and belong to no service. */
  readonly standaloneTasks: readonly RunningTask[];
}

export interface UsersQuery {
  /** ARN of a secret or a parameter, or an id of one's own. */
  readonly secretArn: string;
  /** When the version became current: what was looked up after it is good enough. */
  readonly since: Date;
  /** Ids of the instances that reported on the secret, those heard of last first. */
  readonly reported: readonly string[];
}

/** ECS would not force a deployment, and there is none: not now, and not by asking again. */
export class DeploymentRefusedError extends DependencyError {}

/** The truth about tasks. */
export interface EcsServices {
  /** Finds them by task definition, by tag, and by what reported. */
  findUsing(query: UsersQuery): Promise<SecretUsers>;
  /** Whether ECS can tell if the instance lives: it is a task in one of the clusters that are looked at. */
  knows(instanceId: string): boolean;
  /**
   * @returns id of the deployment
   * @throws DeploymentRefusedError where nothing was forced; after any other error that is not certain
   */
  forceNewDeployment(
    service: Pick<ServiceUsingSecret, "serviceArn" | "clusterArn">,
  ): Promise<string | undefined>;
}

export interface EcsClients {
  readonly reads: ECSClient;
  /** One that does not repeat a call whose answer was lost: ECS would deploy twice. */
  readonly writes: ECSClient;
}

/** Ten calls. A secret may have had thousands of instances whose tasks are long gone. */
const MOST_REPORTED = 1_000;
/** From here on the tasks of the whole cluster are fewer calls than those of each service. */
const FEW_SERVICES = 20;
/** In milliseconds: 1,000, 2,000, 4,000. */
const whenThrottled = { retries: 3, minTimeout: 1_000, factor: 2 };

/**
 * @param clients both are kept below ECS's published rates from here on
 * @example createEcsServices(createEcsClients(), { clusters: ["main"] });
 */
export function createEcsServices(clients: EcsClients, options: ServiceCatalogOptions): EcsServices {
  const reads = keepToEcsRates(clients.reads);
  const writes = keepToEcsRates(clients.writes);
  const catalog = createServiceCatalog(reads, options);
  const clusterNames = new Set(options.clusters.map(lastPart));
  const isLookedAt = (cluster: string) => clusterNames.has("*") || clusterNames.has(cluster);

  /** As they are now: what the catalog remembers is which, and not how they are. */
  const lookAt = async (cluster: string, uses: ReadonlyMap<string, SecretUse>) => {
    const using: ServiceUsingSecret[] = [];
    const all = uses.size > FEW_SERVICES ? await listRunningTasksByService(reads, cluster) : undefined;
    for (const service of await describeServices(reads, cluster, [...uses.keys()])) {
      const { serviceArn = "", status } = service;
      const name = lastPart(serviceArn);
      const use = uses.get(serviceArn) ?? uses.get(name);
      if (!use || status !== "ACTIVE") continue;
      const tasks = all ? (all.get(name) ?? []) : await listRunningTasks(reads, cluster, serviceArn);
      using.push(toServiceUsingSecret(service, cluster, use, tasks));
    }
    return using;
  };

  return {
    async findUsing({ secretArn, since, reported }) {
      const services: ServiceUsingSecret[] = [];
      const entries = await catalog.findUsing(secretArn, since);
      for (const [cluster, own] of Map.groupBy(entries, (entry) => entry.cluster)) {
        services.push(
          ...(await lookAt(cluster, new Map(own.map(({ serviceArn, use }) => [serviceArn, use])))),
        );
      }

      const known = new Set(services.flatMap(({ tasks }) => tasks.map(({ taskArn }) => taskArn)));
      const unknown = reported.filter((id) => isTaskIn(id, isLookedAt) && !known.has(id));
      const standaloneTasks: RunningTask[] = [];
      for (const [cluster = "", arns] of Map.groupBy(unknown.slice(0, MOST_REPORTED), clusterOfTask)) {
        const tasks = await findRunningTasks(reads, cluster, arns);
        standaloneTasks.push(...tasks.filter(({ serviceName }) => serviceName === undefined));
        // They read the secret by themselves, as their reports show.
        const names = tasks.flatMap(({ serviceName }) => (serviceName ? [serviceName] : []));
        const found = new Set(services.map(({ serviceArn }) => serviceArn));
        const more = await lookAt(cluster, new Map(names.map((name) => [name, "current"])));
        services.push(...more.filter(({ serviceArn }) => !found.has(serviceArn)));
      }
      return { services, standaloneTasks };
    },

    knows: (instanceId) => isTaskIn(instanceId, isLookedAt),

    async forceNewDeployment({ serviceArn, clusterArn }) {
      const update = () =>
        writes.send(
          new UpdateServiceCommand({ cluster: clusterArn, service: serviceArn, forceNewDeployment: true }),
        );
      try {
        const { service } = await pRetry(update, {
          ...whenThrottled,
          shouldRetry: ({ error }) => error.name === "ThrottlingException",
        });
        return primaryOf(service)?.id;
      } catch (cause) {
        if (!(cause instanceof ECSServiceException) || cause.$fault !== "client") throw cause;
        throw new DeploymentRefusedError(
          `ECS refuses to deploy the service: ${cause.name}: ${cause.message}`,
          {
            cause,
            details: { serviceArn },
          },
        );
      }
    },
  };
}

function isTaskIn(instanceId: string, isLookedAt: (cluster: string) => boolean): boolean {
  const cluster = clusterOfTask(instanceId);
  return cluster !== undefined && isLookedAt(cluster);
}

function toServiceUsingSecret(
  service: Service,
  cluster: string,
  use: SecretUse,
  tasks: readonly RunningTask[],
): ServiceUsingSecret {
  const { serviceArn = "", clusterArn = cluster, deploymentController } = service;
  const { id, createdAt, rolloutState } = primaryOf(service) ?? {};
  return {
    serviceArn,
    clusterArn,
    use,
    canForce: (deploymentController?.type ?? "ECS") === "ECS",
    tasks,
    ...(createdAt && {
      primaryDeployment: {
        ...(id && { id }),
        createdAt,
        inProgress: rolloutState === "IN_PROGRESS",
        hasFailed: rolloutState === "FAILED",
      },
    }),
  };
}

const primaryOf = (service: Service | undefined) =>
  service?.deployments?.find(({ status }) => status === "PRIMARY");

/** The name in an ARN, or the name itself. */
const lastPart = (identifier: string) => identifier.slice(identifier.lastIndexOf("/") + 1);
