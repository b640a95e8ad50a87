import {
  type ContainerDefinition,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  paginateListClusters,
  paginateListServices,
  type Service,
} from "@aws-sdk/client-ecs";
import { DependencyError } from "../../contract/errors.ts";
import { isNamedInTag, SECRETS_TAG, type SecretUse, secretUse } from "./secret-use.ts";

/** Stands for all clusters of the account and Region. */
export const ALL_CLUSTERS = "*";

export interface ServiceCatalogOptions {
  /** Names or ARNs of clusters, or `*`. */
  readonly clusters: readonly string[];
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  /** How long one search may take, in milliseconds. Default 30,000. */
  readonly searchBudgetMs?: number;
}

export interface CatalogEntry {
  /** As it is configured, or its ARN. */
  readonly cluster: string;
  readonly serviceArn: string;
  readonly use: SecretUse;
}

/** Which services use a secret, by their task definitions and tags. */
export interface ServiceCatalog {
  /**
   * @param since the services are listed anew where that was last done before it
   * @throws DependencyError where the search takes too long; it goes on from there when it is asked again
   */
  findUsing(secretId: string, since: Date): Promise<readonly CatalogEntry[]>;
  clusters(since: Date): Promise<readonly string[]>;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html and API_ListServices.html */
const MOST_DESCRIBED = 10;
const MOST_LISTED = 100;
/** What was listed stays good for long; this bounds what an environment remembers of services that are gone. */
const LONGEST_KEPT_MS = 300_000;

/**
 * Remembers what it has looked up, as long as its environment lives. A revision of a task definition never changes. A
 * list of services that is younger than the rotation has all that matter: what is created, or deployed, after it starts
 * with the new version. So of a hundred rotations at two o'clock, the first search serves all.
 */
export function createServiceCatalog(
  client: ECSClient,
  { clusters, now = Date.now, searchBudgetMs = 30_000 }: ServiceCatalogOptions,
): ServiceCatalog {
  const definitions = new Map<string, readonly ContainerDefinition[]>();
  const servicesOf = keepYoungerThan(now, (cluster: string) => listServices(client, cluster));
  const everyCluster = keepYoungerThan(now, () => listClusters(client));

  const containersOf = async (taskDefinition: string): Promise<readonly ContainerDefinition[]> => {
    const known = definitions.get(taskDefinition);
    if (known) return known;
    const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
    const containers = answer.taskDefinition?.containerDefinitions ?? [];
    definitions.set(taskDefinition, containers);
    return containers;
  };

  /** The tag tells of what the task definition does not show; where that pins the secret, it has the last word. */
  const useOf = async ({ taskDefinition, tags = [] }: ListedService, secretId: string) => {
    // A service of an external deployment controller has task sets instead of a task definition.
    const use = taskDefinition && secretUse(await containersOf(taskDefinition), secretId);
    if (use) return use;
    const tag = tags.find(({ key }) => key === SECRETS_TAG)?.value ?? "";
    return isNamedInTag(tag, secretId) ? "current" : undefined;
  };

  const catalog: ServiceCatalog = {
    clusters: async (since) => (clusters.includes(ALL_CLUSTERS) ? await everyCluster("", since) : clusters),

    async findUsing(secretId, since) {
      const deadline = now() + searchBudgetMs;
      const using: CatalogEntry[] = [];
      for (const cluster of await catalog.clusters(since)) {
        for (const service of await servicesOf(cluster, since)) {
          if (now() > deadline) {
            throw new DependencyError(
              `Looking through the services took longer than ${searchBudgetMs} ms; it goes on when the message comes again`,
              { details: { cluster, definitionsKnown: definitions.size } },
            );
          }
          const { serviceArn, status } = service;
          if (!serviceArn || status !== "ACTIVE") continue;
          const use = await useOf(service, secretId);
          if (use) using.push({ cluster, serviceArn, use });
        }
      }
      return using;
    },
  };
  return catalog;
}

/** Describes services of one cluster. Of those that are gone by now, nothing comes back. */
export async function describeServices(
  client: ECSClient,
  cluster: string,
  services: readonly string[],
): Promise<Service[]> {
  const described: Service[] = [];
  for (let start = 0; start < services.length; start += MOST_DESCRIBED) {
    const some = services.slice(start, start + MOST_DESCRIBED);
    const answer = await client.send(
      new DescribeServicesCommand({ cluster, services: some, include: ["TAGS"] }),
    );
    described.push(...(answer.services ?? []));
  }
  return described;
}

/** What of a service may be remembered; with its events, those of a large cluster would fill the memory. */
type ListedService = Pick<Service, "serviceArn" | "status" | "taskDefinition" | "tags">;

async function listServices(client: ECSClient, cluster: string): Promise<ListedService[]> {
  const arns: string[] = [];
  for await (const page of paginateListServices({ client, pageSize: MOST_LISTED }, { cluster })) {
    arns.push(...(page.serviceArns ?? []));
  }
  const services = await describeServices(client, cluster, arns);
  return services.map(({ serviceArn, status, taskDefinition, tags }) => ({
    serviceArn,
    status,
    taskDefinition,
    tags,
  }));
}

async function listClusters(client: ECSClient): Promise<string[]> {
  const arns: string[] = [];
  for await (const page of paginateListClusters({ client, pageSize: MOST_LISTED }, {})) {
    arns.push(...(page.clusterArns ?? []));
  }
  return arns;
}

/** Asks again only where the answer is older than what it is wanted for; who asks at the same time shares one answer. */
function keepYoungerThan<T>(now: () => number, ask: (key: string) => Promise<T>) {
  const kept = new Map<string, { readonly askedAt: number; readonly answer: Promise<T> }>();
  return (key: string, since: Date): Promise<T> => {
    const known = kept.get(key);
    const at = now();
    if (known && known.askedAt > since.getTime() && at - known.askedAt < LONGEST_KEPT_MS) return known.answer;
    const answer = ask(key);
    kept.set(key, { askedAt: at, answer });
    answer.catch(() => kept.delete(key));
    return answer;
  };
}
