import { randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import { checkValue } from "../check-value.ts";
import type { AwsInput } from "../service.ts";
import { clusterName, type EcsNames, nameInCluster, taskDefinitionParts } from "./ecs-names.ts";
import type { EcsService } from "./ecs-service.ts";
import { newTaskId, startTask, type Task, type TaskSurroundings } from "./task.ts";
import type { TaskDefinition } from "./task-definition.ts";

export interface LaunchOptions {
  readonly cluster: string;
  readonly definition: TaskDefinition;
  readonly group: string;
  readonly serviceName?: string;
  readonly startedBy?: string;
  readonly onChange?: (task: Task) => void;
}

/** Everything that ECS knows. */
export interface EcsState {
  readonly clusters: Set<string>;
  readonly services: Map<string, EcsService>;
  /** By family, oldest revision first. */
  readonly definitions: Map<string, TaskDefinition[]>;
  /** By id, in the order in which they were created; the stopped ones for a while. */
  readonly tasks: Map<string, Task>;
  /** @throws AwsError once the run ends */
  launch(options: LaunchOptions): Task;
  /** Starts no more tasks. */
  halt(): void;
  /** @throws AwsError where there is no such cluster */
  cluster(identifier: unknown): string;
  /** @throws AwsError where there is no such service, or its ARN belongs to another cluster */
  service(cluster: string, identifier: string): EcsService;
  /** @throws AwsError where there is no such task definition */
  definition(identifier: string, message?: string): TaskDefinition;
}

/** ECS shows a stopped task for about an hour; here by number, so that a crash loop does not fill the memory. */
const KEPT_STOPPED_TASKS = 200;

export function createEcsState(names: EcsNames, surroundings: TaskSurroundings): EcsState {
  let isHalted = false;
  const state: EcsState = {
    clusters: new Set(),
    services: new Map(),
    definitions: new Map(),
    tasks: new Map(),
    launch({ cluster, definition, group, serviceName, startedBy, onChange = () => {} }) {
      if (isHalted) throw new AwsError("ServerException", "The local run is ending.", 500);
      const taskId = newTaskId();
      const identity = {
        taskId,
        taskArn: names.task(cluster, taskId),
        containerArn: names.container(cluster, taskId, randomUUID()),
        cluster,
        definition,
        group,
        ...(serviceName === undefined ? {} : { serviceName }),
        ...(startedBy === undefined ? {} : { startedBy }),
      };
      const task = startTask(identity, surroundings, onChange);
      state.tasks.set(taskId, task);
      const stopped = [...state.tasks.values()].filter((each) => each.state.lastStatus === "STOPPED");
      for (const old of stopped.slice(0, -KEPT_STOPPED_TASKS)) state.tasks.delete(old.identity.taskId);
      return task;
    },
    halt() {
      isHalted = true;
    },
    cluster(identifier) {
      const name = clusterName(identifier);
      if (!state.clusters.has(name)) throw new AwsError("ClusterNotFoundException", "Cluster not found.");
      return name;
    },
    service(cluster, identifier) {
      const service = state.services.get(serviceKey(cluster, nameInCluster(identifier, cluster)));
      if (!service) throw new AwsError("ServiceNotFoundException", "Service not found.");
      return service;
    },
    definition(identifier, message = "TaskDefinition not found.") {
      const { family, revision } = taskDefinitionParts(identifier);
      const all = state.definitions.get(family) ?? [];
      const found = revision === undefined ? all.at(-1) : all.find((each) => each.revision === revision);
      if (!found) throw new AwsError("ClientException", message);
      return found;
    },
  };
  return state;
}

export function serviceKey(cluster: string, name: string): string {
  return `${cluster}/${name}`;
}

/**
 * Checks a call's input. What the local run does not act on is refused, so that nothing is silently ignored.
 *
 * @throws AwsError naming each member that does not fit, and its limit
 */
export function parseInput<T extends z.ZodMiniType>(
  schema: T,
  input: AwsInput,
  code = "InvalidParameterException",
): z.output<T> {
  const checked = checkValue(schema, input);
  if (checked.isValid) return checked.value;
  throw new AwsError(code, checked.problems.join("; "));
}

const Page = z.object({
  nextToken: z.optional(z.string()),
  maxResults: z.optional(z.int().check(z.gte(1), z.lte(100))),
});

/** @throws AwsError where the page's size or token is not valid */
export function page<T>(
  all: readonly T[],
  input: AwsInput,
  defaultSize: number,
): { items: readonly T[]; nextToken?: string } {
  const { nextToken, maxResults = defaultSize } = parseInput(Page, input);
  const start = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64url").toString());
  if (!Number.isInteger(start) || start < 0)
    throw new AwsError("InvalidParameterException", "Invalid nextToken.");
  const end = start + maxResults;
  const items = all.slice(start, end);
  return end < all.length ? { items, nextToken: Buffer.from(String(end)).toString("base64url") } : { items };
}
