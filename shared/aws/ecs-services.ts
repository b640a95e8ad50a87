import { type ECSClient, ECSServiceException, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import pRetry from "p-retry";
import { DependencyError } from "../contract/errors.ts";
import { keepToEcsRates } from "./ecs/request-rates.ts";
import { clusterOfTask, createRunningTasks, noneWhereGone, type RunningTask } from "./ecs/running-tasks.ts";
import { createSearches } from "./ecs/search-budget.ts";
import type { SecretUse } from "./ecs/secret-use.ts";
import {
  ALL_CLUSTERS,
  createServiceCatalog,
  describeServices,
  lastPart,
  type ServiceCatalogOptions,
} from "./ecs/service-catalog.ts";
import { createServiceLooks } from "./ecs/service-looks.ts";
import {
  type PrimaryDeployment,
  primaryOf,
  type ServiceUsingSecret,
  toPrimaryDeployment,
} from "./ecs/service-using-secret.ts";
import type { TokenBucketOptions } from "./token-bucket.ts";

export type { RunningTask } from "./ecs/running-tasks.ts";
export { SearchUnfinishedError } from "./ecs/search-budget.ts";
export type { SecretUse } from "./ecs/secret-use.ts";
export type { PrimaryDeployment, ServiceUsingSecret } from "./ecs/service-using-secret.ts";

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
  /** Names of clusters that are configured, and are not there: whoever runs elsewhere instead is not found. */
  readonly missingClusters?: readonly string[];
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
  /** How long one search may take, in milliseconds. Default 30,000. */
  readonly searchBudgetMs?: number;
  /** Of the limiter that keeps below ECS's rates. Default: the real time. */
  readonly limiterClock?: Pick<TokenBucketOptions, "now" | "wait">;
}

/** The truth about tasks. */
export interface EcsServices {
  /**
   * Finds them by task definition, by tag, and by what reported. How they are was seen after the search had been begun; where
   * it was given up and gone on with, that is long ago: whoever is to be deployed must be looked at again.
   *
   * @throws SearchUnfinishedError where the search takes too long; it goes on from there when it is asked for again
   */
  findUsing(query: UsersQuery): Promise<SecretUsers>;
  /** The deployment of one service as it is now; undefined where there is no such service. */
  findDeployment(serviceArn: string): Promise<PrimaryDeployment | undefined>;
  /**
   * Whether ECS can tell if the instance lives: it is a task in one of the clusters that are looked at, which are in the
   * account and Region of the secret, where its ARN tells them.
   */
  knows(instanceId: string, secretArn: string): boolean;
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
/** Region and account in an ARN. */
const ARN_PLACE = /(?<=^arn:[^:]+:[^:]+:)[^:]+:\d{12}(?=:)/;
/** In milliseconds: 1,000, 2,000, 4,000. */
const whenThrottled = { retries: 3, minTimeout: 1_000, factor: 2 };

/**
 * @param clients both are kept below ECS's published rates from here on
 * @example createEcsServices(createEcsClients(), { clusters: ["main"] });
 */
export function createEcsServices(clients: EcsClients, options: EcsServicesOptions): EcsServices {
  const { clusters, now = Date.now, searchBudgetMs = 30_000, limiterClock } = options;
  const reads = keepToEcsRates(clients.reads, limiterClock);
  const writes = keepToEcsRates(clients.writes, limiterClock);
  const searches = createSearches(searchBudgetMs, now);
  const runningTasks = createRunningTasks(reads, now);
  const catalog = createServiceCatalog(reads, runningTasks, options);
  const lookAt = createServiceLooks(reads, catalog, runningTasks, now);
  const clusterNames = new Set(clusters.map(lastPart));
  const isLookedAt = (instanceId: string, secretArn: string): boolean => {
    const cluster = clusterOfTask(instanceId);
    const home = ARN_PLACE.exec(secretArn)?.[0];
    if (!cluster || (home && home !== ARN_PLACE.exec(instanceId)?.[0])) return false;
    return clusterNames.has(ALL_CLUSTERS) || clusterNames.has(cluster);
  };

  return {
    async findUsing({ secretArn, since, reported }) {
      const search = searches.open(`${secretArn} ${since.getTime()}`);
      const users = await catalog.findUsing(secretArn, since, search.part("who"));
      // As new as can be: a first look at who uses it may take an hour.
      const look = search.part("how");
      const services: ServiceUsingSecret[] = [];
      for (const [cluster, own] of Map.groupBy(users.services, (entry) => entry.cluster)) {
        const uses = new Map(own.map(({ serviceArn, use }) => [lastPart(serviceArn), use]));
        services.push(...(await lookAt(cluster, uses, look)));
      }

      const known = new Set(services.flatMap(({ tasks }) => tasks.map(({ taskArn }) => taskArn)));
      const uses = new Map(users.standaloneTasks.map(({ taskArn, use }) => [taskArn, use]));
      const heard = reported
        .filter((id) => isLookedAt(id, secretArn) && !known.has(id))
        .slice(0, MOST_REPORTED);
      const unknown = [...new Set([...uses.keys(), ...heard])];
      const standaloneTasks: StandaloneTask[] = [];
      for (const [cluster = "", arns] of Map.groupBy(unknown, clusterOfTask)) {
        const tasks = await runningTasks.find(cluster, arns, look);
        for (const { taskArn, createdAt, serviceName } of tasks) {
          const use = uses.get(taskArn);
          if (serviceName === undefined) standaloneTasks.push({ taskArn, createdAt, ...(use && { use }) });
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
        services.push(...(await lookAt(cluster, new Map(more), look)));
      }
      search.close();
      return { services, standaloneTasks, missingClusters: users.missingClusters };
    },

    async findDeployment(serviceArn) {
      const [, cluster = ""] = serviceArn.split("/");
      const [service] = await noneWhereGone(describeServices(reads, cluster, [serviceArn]));
      return service && toPrimaryDeployment(service);
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
