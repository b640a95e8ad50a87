import {
  ClusterNotFoundException,
  type ECSClient,
  ECSServiceException,
  type Service,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import pRetry from "p-retry";
import { DependencyError } from "../contract/errors.ts";
import { keepToEcsRates } from "./ecs/request-rates.ts";
import {
  clusterOfTask,
  findRunningTasks,
  listTasksByService,
  placeOfTask,
  type RunningTask,
} from "./ecs/running-tasks.ts";
import { createSearchBudget, type SearchBudget } from "./ecs/search-budget.ts";
import type { SecretUse } from "./ecs/secret-use.ts";
import {
  ALL_CLUSTERS,
  createServiceCatalog,
  describeServices,
  type ServiceCatalogOptions,
} from "./ecs/service-catalog.ts";

export type { RunningTask } from "./ecs/running-tasks.ts";
export { SearchUnfinishedError } from "./ecs/search-budget.ts";
export type { SecretUse } from "./ecs/secret-use.ts";

/** A service that uses the secret, and its tasks as ECS knows them. */
export interface ServiceUsingSecret {
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly use: SecretUse;
  /** False where CodeDeploy or somebody else deploys the service: ECS refuses to be forced then. */
  readonly canForce: boolean;
  readonly tasks: readonly RunningTask[];
  readonly primaryDeployment?: PrimaryDeployment;
}

/** The deployment that ECS works towards. */
export interface PrimaryDeployment {
  readonly id?: string;
  readonly createdAt: Date;
  readonly inProgress: boolean;
  /** The circuit breaker has stopped it, and nothing was rolled back. */
  readonly hasFailed?: boolean;
  /** Absent while it is under way. */
  readonly ended?: { readonly at: Date; readonly reason: string };
}

/** A task of its own, which no deployment can replace. */
export interface StandaloneTask extends RunningTask {
  /** Absent where its report alone leads to it. */
  readonly use?: SecretUse;
}

/** Everybody who uses a secret, as far as ECS knows. */
export interface SecretUsers {
  readonly services: readonly ServiceUsingSecret[];
  /** Running tasks that reported and belong to no service. */
  readonly standaloneTasks: readonly StandaloneTask[];
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

export interface EcsServicesOptions extends ServiceCatalogOptions {
  /** Where the clusters are: tasks of other accounts and Regions are not looked at. Not compared unless given. */
  readonly place?: { readonly region: string; readonly accountId: string };
  /** How long one search may take, in milliseconds. Default 30,000. */
  readonly searchBudgetMs?: number;
}

/** The truth about tasks. */
export interface EcsServices {
  /**
   * Finds them by task definition, by tag, and by what reported.
   *
   * @throws SearchUnfinishedError where the search takes too long; it goes on from there when it is asked for again
   */
  findUsing(query: UsersQuery): Promise<SecretUsers>;
  /** The deployment of one service as it is now; undefined where there is no such service. */
  findDeployment(serviceArn: string): Promise<PrimaryDeployment | undefined>;
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
export function createEcsServices(clients: EcsClients, options: EcsServicesOptions): EcsServices {
  const { clusters, place, now = Date.now, searchBudgetMs = 30_000 } = options;
  const reads = keepToEcsRates(clients.reads);
  const writes = keepToEcsRates(clients.writes);
  const catalog = createServiceCatalog(reads, options);
  const clusterNames = new Set(clusters.map(lastPart));
  const isLookedAt = (instanceId: string): boolean => {
    const task = placeOfTask(instanceId);
    if (!task || (place && (task.region !== place.region || task.accountId !== place.accountId)))
      return false;
    return clusterNames.has(ALL_CLUSTERS) || clusterNames.has(task.cluster);
  };

  /** As they are now: what the catalog remembers is which, and not how they are. */
  const lookAt = async (cluster: string, uses: ReadonlyMap<string, SecretUse>, budget: SearchBudget) => {
    if (uses.size === 0) return [];
    const described = await describeServices(reads, cluster, [...uses.keys()], budget);
    const active = described.flatMap((service) => {
      const { serviceArn = "", status } = service;
      const use = uses.get(serviceArn) ?? uses.get(lastPart(serviceArn));
      return use && status === "ACTIVE" ? [{ service, serviceArn, use }] : [];
    });
    const which = active.length > FEW_SERVICES ? undefined : active.map(({ serviceArn }) => serviceArn);
    const tasks = await listTasksByService(reads, cluster, which, budget);
    return active.map(({ service, serviceArn, use }) =>
      toServiceUsingSecret(service, cluster, use, tasks.get(lastPart(serviceArn)) ?? []),
    );
  };

  return {
    async findUsing({ secretArn, since, reported }) {
      const budget = createSearchBudget(searchBudgetMs, now);
      const services: ServiceUsingSecret[] = [];
      const users = await catalog.findUsing(secretArn, since, budget);
      for (const [cluster, own] of Map.groupBy(users.services, (entry) => entry.cluster)) {
        const uses = new Map(own.map(({ serviceArn, use }) => [serviceArn, use]));
        services.push(...(await lookAt(cluster, uses, budget)));
      }

      const known = new Set(services.flatMap(({ tasks }) => tasks.map(({ taskArn }) => taskArn)));
      const uses = new Map(users.standaloneTasks.map(({ taskArn, use }) => [taskArn, use]));
      const heard = reported.filter((id) => isLookedAt(id) && !known.has(id)).slice(0, MOST_REPORTED);
      const unknown = [...new Set([...uses.keys(), ...heard])];
      const standaloneTasks: StandaloneTask[] = [];
      for (const [cluster = "", arns] of Map.groupBy(unknown, clusterOfTask)) {
        const tasks = await findRunningTasks(reads, cluster, arns, budget);
        for (const { serviceName, ...task } of tasks) {
          const use = uses.get(task.taskArn);
          if (serviceName === undefined) standaloneTasks.push({ ...task, ...(use && { use }) });
        }
        // They read the secret by themselves, as their reports show.
        const names = tasks.flatMap(({ serviceName }) => (serviceName ? [serviceName] : []));
        const found = new Set(
          services
            .filter(({ clusterArn }) => lastPart(clusterArn) === cluster)
            .map(({ serviceArn }) => lastPart(serviceArn)),
        );
        const more = names
          .filter((name) => !found.has(name))
          .map((name): [string, SecretUse] => [name, "current"]);
        services.push(...(await lookAt(cluster, new Map(more), budget)));
      }
      return { services, standaloneTasks };
    },

    async findDeployment(serviceArn) {
      const [, cluster = ""] = serviceArn.split("/");
      const budget = createSearchBudget(searchBudgetMs, now);
      const described = await describeServices(reads, cluster, [serviceArn], budget).catch(
        (error: unknown) => {
          if (error instanceof ClusterNotFoundException) return [];
          throw error;
        },
      );
      return described[0] && toPrimaryDeployment(described[0]);
    },

    knows: isLookedAt,

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

function toServiceUsingSecret(
  service: Service,
  cluster: string,
  use: SecretUse,
  tasks: readonly RunningTask[],
): ServiceUsingSecret {
  const { serviceArn = "", clusterArn = cluster, deploymentController } = service;
  const primaryDeployment = toPrimaryDeployment(service);
  return {
    serviceArn,
    clusterArn,
    use,
    canForce: (deploymentController?.type ?? "ECS") === "ECS",
    tasks,
    ...(primaryDeployment && { primaryDeployment }),
  };
}

function toPrimaryDeployment(service: Service): PrimaryDeployment | undefined {
  const {
    id,
    createdAt,
    updatedAt,
    rolloutState,
    rolloutStateReason: reason = "",
  } = primaryOf(service) ?? {};
  if (!createdAt) return undefined;
  const hasEnded = rolloutState === "COMPLETED" || rolloutState === "FAILED";
  return {
    ...(id && { id }),
    createdAt,
    inProgress: rolloutState === "IN_PROGRESS",
    hasFailed: rolloutState === "FAILED",
    ...(hasEnded && { ended: { at: updatedAt ?? createdAt, reason } }),
  };
}

const primaryOf = (service: Service | undefined) =>
  service?.deployments?.find(({ status }) => status === "PRIMARY");

/** The name in an ARN, or the name itself. */
const lastPart = (identifier: string) => identifier.slice(identifier.lastIndexOf("/") + 1);
