import {
  ClientException,
  ClusterNotFoundException,
  type ContainerDefinition,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  ListClustersCommand,
  ListServicesCommand,
  type Service,
} from "@aws-sdk/client-ecs";
import { createResumableListing } from "./resumable-listing.ts";
import type { RunningTasks } from "./running-tasks.ts";
import type { SearchBudget } from "./search-budget.ts";
import { isNamedInTag, SECRETS_TAG, type SecretUse, secretUse } from "./secret-use.ts";

/** Stands for all clusters of the account and Region. */
export const ALL_CLUSTERS = "*";
/** What the setting is where nobody gave it: an account that does not use ECS has none, and that is no mistake. */
const DEFAULT_CLUSTER = "default";

export interface ServiceCatalogOptions {
  /** Names or ARNs of clusters, or `*`. */
  readonly clusters: readonly string[];
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

interface CatalogEntry {
  /** Its name. */
  readonly cluster: string;
  readonly use: SecretUse;
}
export interface ServiceEntry extends CatalogEntry {
  readonly serviceArn: string;
}
export interface StandaloneEntry extends CatalogEntry {
  readonly taskArn: string;
}

/** Who uses a secret, by task definitions and tags, and which of it may be gone by now. */
export interface CatalogUsers {
  readonly services: readonly ServiceEntry[];
  /** Tasks that belong to no service. */
  readonly standaloneTasks: readonly StandaloneEntry[];
  /** Names of clusters that are configured, and are not there. Where all are looked at, or the default one, none is missing. */
  readonly missingClusters: readonly string[];
}

/** Which services and standalone tasks use a secret. */
export interface ServiceCatalog {
  /**
   * @param since what runs is listed anew where that was last done before it
   * @throws SearchUnfinishedError where the search takes too long; it goes on from there when it is asked again
   */
  findUsing(secretId: string, since: Date, budget: SearchBudget): Promise<CatalogUsers>;
  /** What a task definition says, looked up once; nothing where it was deleted. */
  containersOf(taskDefinition: string, budget: SearchBudget): Promise<readonly KnownContainer[]>;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html and API_ListServices.html */
export const MOST_DESCRIBED = 10;
const MOST_LISTED = 100;

/** What of services and definitions may be remembered; with the rest, those of a large account would fill the memory. */
type ListedService = Pick<Service, "serviceArn" | "status" | "taskDefinition" | "tags">;
export type KnownContainer = Pick<ContainerDefinition, "secrets" | "environment" | "logConfiguration">;

/**
 * Remembers what it has looked up, as long as its environment lives. A revision of a task definition never changes. A
 * list that is younger than the rotation has all that matter: what is created, or deployed, after it starts with the new
 * version. So of a hundred rotations at two o'clock, the first search serves all.
 */
export function createServiceCatalog(
  client: ECSClient,
  tasks: Pick<RunningTasks, "ofCluster">,
  { clusters, now = Date.now }: ServiceCatalogOptions,
): ServiceCatalog {
  const definitions = new Map<string, Promise<readonly KnownContainer[]>>();
  const everyCluster = createResumableListing(clustersBy(client), now);
  const servicesOf = createResumableListing(servicesBy(client), now);

  const lookUp = (taskDefinition: string): Promise<readonly KnownContainer[]> => {
    const containers = describeContainers(client, taskDefinition);
    definitions.set(taskDefinition, containers);
    containers.catch(() => definitions.delete(taskDefinition));
    return containers;
  };
  const containersOf = async (taskDefinition: string, budget: SearchBudget) => {
    const known = definitions.get(taskDefinition);
    if (!known) budget.check();
    try {
      return await (known ?? lookUp(taskDefinition));
    } catch (error) {
      // ECS deletes a revision when nothing runs from it any more: whoever was listed with it is gone since.
      if (error instanceof ClientException) return [];
      throw error;
    }
  };

  /** The tag tells of what the task definition does not show; where that pins the secret, it has the last word. */
  const useOf = async (
    { taskDefinition, tags = [] }: ListedService,
    secretId: string,
    budget: SearchBudget,
  ) => {
    // A service of an external deployment controller has task sets instead of a task definition.
    const use = taskDefinition && secretUse(await containersOf(taskDefinition, budget), secretId);
    if (use) return use;
    const tag = tags.find(({ key }) => key === SECRETS_TAG)?.value ?? "";
    return isNamedInTag(tag, secretId) ? "current" : undefined;
  };

  const findIn = async (cluster: string, secretId: string, since: Date, budget: SearchBudget) => {
    const services: ServiceEntry[] = [];
    const standaloneTasks: StandaloneEntry[] = [];
    for (const service of await servicesOf(cluster, since, budget)) {
      const { serviceArn, status } = service;
      if (!serviceArn || status !== "ACTIVE") continue;
      const use = await useOf(service, secretId, budget);
      if (use) services.push({ cluster, serviceArn, use });
    }
    // ECS lists the tasks of services among them; those have no definition here.
    for (const { taskArn, taskDefinitionArn } of await tasks.ofCluster(cluster, since, budget)) {
      if (!taskDefinitionArn) continue;
      const use = secretUse(await containersOf(taskDefinitionArn, budget), secretId);
      if (use) standaloneTasks.push({ cluster, taskArn, use });
    }
    return { services, standaloneTasks };
  };

  return {
    containersOf,
    async findUsing(secretId, since, budget) {
      const services: ServiceEntry[] = [];
      const standaloneTasks: StandaloneEntry[] = [];
      const missingClusters: string[] = [];
      const isEvery = clusters.includes(ALL_CLUSTERS);
      const all = isEvery ? await everyCluster("", since, budget) : clusters;
      for (const cluster of new Set(all.map(lastPart))) {
        try {
          const found = await findIn(cluster, secretId, since, budget);
          services.push(...found.services);
          standaloneTasks.push(...found.standaloneTasks);
        } catch (error) {
          if (!(error instanceof ClusterNotFoundException)) throw error;
          if (!isEvery && cluster !== DEFAULT_CLUSTER) missingClusters.push(cluster);
        }
      }
      return { services, standaloneTasks, missingClusters };
    },
  };
}

/** Describes ten services of one cluster at most. Of those that are gone by now, nothing comes back. */
export async function describeServices(
  client: ECSClient,
  cluster: string,
  services: readonly string[],
): Promise<Service[]> {
  const query = new DescribeServicesCommand({ cluster, services: [...services], include: ["TAGS"] });
  return (await client.send(query)).services ?? [];
}

async function describeContainers(client: ECSClient, taskDefinition: string): Promise<KnownContainer[]> {
  const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
  return (answer.taskDefinition?.containerDefinitions ?? []).map(
    ({ secrets, environment, logConfiguration }) => ({ secrets, environment, logConfiguration }),
  );
}

/** The name in an ARN, or the name itself. */
export const lastPart = (identifier: string) => identifier.slice(identifier.lastIndexOf("/") + 1);

const clustersBy = (client: ECSClient) => ({
  list: async (_: string, nextToken: string | undefined) => {
    const answer = await client.send(new ListClustersCommand({ maxResults: MOST_LISTED, nextToken }));
    return { ids: answer.clusterArns ?? [], nextToken: answer.nextToken };
  },
  describe: async (_: string, arns: readonly string[]) => arns,
  describedAtOnce: Number.POSITIVE_INFINITY,
});

const servicesBy = (client: ECSClient) => ({
  list: async (cluster: string, nextToken: string | undefined) => {
    const query = new ListServicesCommand({ cluster, maxResults: MOST_LISTED, nextToken });
    const answer = await client.send(query);
    return { ids: answer.serviceArns ?? [], nextToken: answer.nextToken };
  },
  describe: async (cluster: string, arns: readonly string[]): Promise<ListedService[]> =>
    (await describeServices(client, cluster, arns)).map(({ serviceArn, status, taskDefinition, tags }) => ({
      serviceArn,
      status,
      taskDefinition,
      tags,
    })),
  describedAtOnce: MOST_DESCRIBED,
});
