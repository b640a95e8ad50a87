import type { ECSClient, Service } from "@aws-sdk/client-ecs";
import { noneWhereGone, type RunningTasks } from "./running-tasks.ts";
import type { SearchBudget } from "./search-budget.ts";
import { SECRETS_TAG, type SecretUse, secretIdsOf } from "./secret-use.ts";
import { describeServices, lastPart, MOST_DESCRIBED, type ServiceCatalog } from "./service-catalog.ts";
import { type ServiceUsingSecret, toPrimaryDeployment } from "./service-using-secret.ts";
import { createSharedLooks } from "./shared-looks.ts";

/** Looks how services are now: what the catalog remembers is which, and not how they are. */
export type ServiceLooks = (
  cluster: string,
  /** By the services' names. */
  uses: ReadonlyMap<string, SecretUse>,
  budget: SearchBudget,
) => Promise<readonly ServiceUsingSecret[]>;

/** What is remembered of a look. */
type SeenService = Pick<ServiceUsingSecret, "serviceArn" | "canForce" | "primaryDeployment"> & {
  readonly clusterArn: string | undefined;
  readonly taskDefinition: string | undefined;
  readonly tag: string;
};

/** @param now epoch milliseconds */
export function createServiceLooks(
  client: ECSClient,
  catalog: Pick<ServiceCatalog, "containersOf">,
  tasks: RunningTasks,
  now: () => number,
): ServiceLooks {
  const servicesNow = createSharedLooks<SeenService>(
    {
      describe: async (cluster, names) =>
        (await noneWhereGone(describeServices(client, cluster, names))).flatMap(toSeenService),
      idOf: ({ serviceArn }) => lastPart(serviceArn),
      describedAtOnce: MOST_DESCRIBED,
    },
    now,
  );

  return async (cluster, uses, budget) => {
    const seen = await servicesNow(cluster, [...uses.keys()], budget);
    if (seen.length === 0) return [];
    const names = seen.map(({ serviceArn }) => lastPart(serviceArn));
    const running = await tasks.ofServices(cluster, names, budget);
    const services: ServiceUsingSecret[] = [];
    for (const { taskDefinition, tag, clusterArn = cluster, ...service } of seen) {
      const name = lastPart(service.serviceArn);
      const use = uses.get(name);
      if (!use) continue;
      const containers = taskDefinition ? await catalog.containersOf(taskDefinition, budget) : [];
      const secretIds = secretIdsOf(containers, tag);
      services.push({ ...service, clusterArn, use, secretIds, tasks: running.get(name) ?? [] });
    }
    return services;
  };
}

function toSeenService(service: Service): SeenService[] {
  const { serviceArn, clusterArn, status, taskDefinition, deploymentController, tags = [] } = service;
  if (!serviceArn || status !== "ACTIVE") return [];
  const primaryDeployment = toPrimaryDeployment(service);
  return [
    {
      serviceArn,
      clusterArn,
      taskDefinition,
      tag: tags.find(({ key }) => key === SECRETS_TAG)?.value ?? "",
      canForce: (deploymentController?.type ?? "ECS") === "ECS",
      ...(primaryDeployment && { primaryDeployment }),
    },
  ];
}
