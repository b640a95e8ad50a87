import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import type { AccessRequest, AwsInput, AwsOperation, AwsPlace } from "../service.ts";
import { strings } from "./cluster-operations.ts";
import type { Deployment } from "./describe-service.ts";
import { clusterName, EcsName, type EcsNames, lastPart, nameInCluster } from "./ecs-names.ts";
import { createEcsService } from "./ecs-service.ts";
import { type EcsState, page, parseInput, serviceKey } from "./ecs-state.ts";

const count = z.int().check(z.gte(0));
const DeploymentConfiguration = z.strictObject({
  minimumHealthyPercent: z.optional(z.int().check(z.gte(0), z.lte(100))),
  maximumPercent: z.optional(z.int().check(z.gte(100), z.lte(200))),
  deploymentCircuitBreaker: z.optional(z.strictObject({ enable: z.boolean(), rollback: z.boolean() })),
});
/** No effect here either way. */
const inert = {
  launchType: z.optional(z.string()),
  networkConfiguration: z.optional(z.unknown()),
  platformVersion: z.optional(z.string()),
  enableExecuteCommand: z.optional(z.boolean()),
  enableECSManagedTags: z.optional(z.boolean()),
  propagateTags: z.optional(z.string()),
};
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html: no commas, among others. */
const Tags = z
  .array(
    z.strictObject({
      key: z.string().check(z.regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u)),
      value: z.string().check(z.regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u)),
    }),
  )
  .check(z.maxLength(50));
const CreateService = z.strictObject({
  ...inert,
  tags: z.optional(Tags),
  cluster: z.optional(z.string()),
  serviceName: EcsName,
  taskDefinition: z.string(),
  desiredCount: z.optional(count),
  clientToken: z.optional(z.string()),
  schedulingStrategy: z.optional(z.literal("REPLICA")),
  deploymentController: z.optional(z.strictObject({ type: z.literal("ECS") })),
  deploymentConfiguration: z.optional(DeploymentConfiguration),
});
const UpdateService = z.strictObject({
  ...inert,
  cluster: z.optional(z.string()),
  service: z.string(),
  taskDefinition: z.optional(z.string()),
  desiredCount: z.optional(count),
  forceNewDeployment: z.optional(z.boolean()),
  deploymentConfiguration: z.optional(DeploymentConfiguration),
});
const DeleteService = z.strictObject({
  cluster: z.optional(z.string()),
  service: z.string(),
  force: z.optional(z.boolean()),
});
const DescribeServices = z.object({
  cluster: z.optional(z.string()),
  include: z.optional(z.array(z.literal("TAGS"))),
  services: z.array(z.string()).check(z.minLength(1), z.maxLength(10)),
});

/** Services. */
export function serviceOperations(
  state: EcsState,
  names: EcsNames,
  place: AwsPlace,
  surroundings: {
    readonly now: () => number;
    readonly log: (message: string) => void;
    readonly onDeployment: (serviceArn: string, deployment: Readonly<Deployment>) => void;
  },
): Record<string, AwsOperation> {
  /** Services are told apart by ARN, and every call is also told the cluster as a condition. */
  function access(action: string, input: AwsInput, identifiers: readonly string[]): AccessRequest[] {
    const cluster = clusterName(input.cluster);
    return identifiers.map((identifier) => ({
      action,
      resource: names.service(cluster, lastPart(identifier)),
      context: { "ecs:cluster": names.cluster(cluster) },
    }));
  }

  return {
    CreateService: {
      access: (input) => access("ecs:CreateService", input, strings([input.serviceName])),
      run(input) {
        const given = parseInput(CreateService, input);
        const cluster = state.cluster(given.cluster);
        const name = given.serviceName;
        const key = serviceKey(cluster, name);
        const present = state.services.get(key);
        if (present && present.status !== "INACTIVE") {
          throw new AwsError("InvalidParameterException", "Creation of service was not idempotent.");
        }
        const service = createEcsService({
          name,
          cluster,
          definition: state.definition(given.taskDefinition),
          desiredCount: given.desiredCount ?? 0,
          configuration: {
            minimumHealthyPercent: 100,
            maximumPercent: 200,
            ...withoutUndefined(given.deploymentConfiguration),
          },
          tags: given.tags ?? [],
          now: surroundings.now,
          log: surroundings.log,
          onDeployment: (deployment) => surroundings.onDeployment(names.service(cluster, name), deployment),
          launch: (definition, startedBy, onChange) =>
            state.launch({
              cluster,
              definition,
              group: `service:${name}`,
              serviceName: name,
              startedBy,
              onChange,
            }),
        });
        state.services.set(key, service);
        return { service: service.describe(names, place) };
      },
    },
    UpdateService: {
      access: (input) => access("ecs:UpdateService", input, strings([input.service])),
      run(input) {
        const given = parseInput(UpdateService, input);
        const service = state.service(state.cluster(given.cluster), given.service);
        if (service.status !== "ACTIVE") {
          throw new AwsError("ServiceNotActiveException", "Service was not ACTIVE.");
        }
        service.update({
          desiredCount: given.desiredCount,
          force: given.forceNewDeployment,
          configuration: withoutUndefined(given.deploymentConfiguration),
          definition: given.taskDefinition === undefined ? undefined : state.definition(given.taskDefinition),
        });
        return { service: service.describe(names, place) };
      },
    },
    DeleteService: {
      access: (input) => access("ecs:DeleteService", input, strings([input.service])),
      run(input) {
        const given = parseInput(DeleteService, input);
        const service = state.service(state.cluster(given.cluster), given.service);
        if (service.status !== "ACTIVE") {
          throw new AwsError("ServiceNotActiveException", "Service was not ACTIVE.");
        }
        if (service.desiredCount > 0 && !given.force) {
          throw new AwsError(
            "InvalidParameterException",
            "The service cannot be stopped while it is scaled above 0.",
          );
        }
        service.remove();
        return { service: service.describe(names, place) };
      },
    },
    DescribeServices: {
      access: (input) => access("ecs:DescribeServices", input, strings(input.services)),
      run(input) {
        const given = parseInput(DescribeServices, input);
        const cluster = state.cluster(given.cluster);
        const services: object[] = [];
        const failures: object[] = [];
        for (const identifier of given.services) {
          const name = nameInCluster(identifier, cluster);
          const service = state.services.get(serviceKey(cluster, name));
          if (service)
            services.push(service.describe(names, place, { tags: given.include?.includes("TAGS") ?? false }));
          else failures.push({ arn: names.service(cluster, name), reason: "MISSING" });
        }
        return { services, failures };
      },
    },
    ListServices: {
      access: (input) => [
        {
          action: "ecs:ListServices",
          resource: "*",
          context: { "ecs:cluster": names.cluster(clusterName(input.cluster)) },
        },
      ],
      run(input) {
        const cluster = state.cluster(input.cluster);
        const own = [...state.services.values()].filter(
          (service) => service.cluster === cluster && service.status !== "INACTIVE",
        );
        const { items, nextToken } = page(
          own.map(({ name }) => names.service(cluster, name)),
          input,
          10,
        );
        return { serviceArns: items, nextToken };
      },
    },
  };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T | undefined): Partial<Defined<T>> {
  const entries = Object.entries(value ?? {}).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as Partial<Defined<T>>;
}
