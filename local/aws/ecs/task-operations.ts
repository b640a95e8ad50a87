import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import type { AccessRequest, AwsInput, AwsOperation, AwsPlace } from "../service.ts";
import { strings } from "./cluster-operations.ts";
import { describeTask } from "./describe-task.ts";
import { clusterName, type EcsNames, lastPart, nameInCluster, taskDefinitionParts } from "./ecs-names.ts";
import { type EcsState, page, parseInput } from "./ecs-state.ts";
import type { Task } from "./task.ts";

const ListTasks = z.strictObject({
  cluster: z.optional(z.string()),
  serviceName: z.optional(z.string()),
  family: z.optional(z.string()),
  startedBy: z.optional(z.string()),
  desiredStatus: z.optional(z.enum(["RUNNING", "PENDING", "STOPPED"])),
  launchType: z.optional(z.literal("FARGATE")),
  nextToken: z.optional(z.string()),
  maxResults: z.optional(z.number()),
});
const DescribeTasks = z.object({
  cluster: z.optional(z.string()),
  tasks: z.array(z.string()).check(z.minLength(1), z.maxLength(100)),
});
const StopTask = z.strictObject({
  cluster: z.optional(z.string()),
  task: z.string(),
  reason: z.optional(z.string()),
});
const RunTask = z.strictObject({
  cluster: z.optional(z.string()),
  taskDefinition: z.string(),
  clientToken: z.optional(z.string()),
  count: z.optional(z.int().check(z.gte(1), z.lte(10))),
  group: z.optional(z.string()),
  startedBy: z.optional(z.string()),
  launchType: z.optional(z.string()),
  networkConfiguration: z.optional(z.unknown()),
});

/** Tasks. */
export function taskOperations(
  state: EcsState,
  names: EcsNames,
  place: AwsPlace,
): Record<string, AwsOperation> {
  function access(action: string, input: AwsInput, identifiers: readonly string[]): AccessRequest[] {
    const cluster = clusterName(input.cluster);
    return identifiers.map((identifier) => ({
      action,
      resource: names.task(cluster, lastPart(identifier)),
      context: { "ecs:cluster": names.cluster(cluster) },
    }));
  }
  function find(cluster: string, identifier: string): Task | undefined {
    const task = state.tasks.get(nameInCluster(identifier, cluster));
    return task?.identity.cluster === cluster ? task : undefined;
  }

  return {
    ListTasks: {
      // Its one resource type is the container instance; without one, AWS asks for `*` and the cluster as a condition.
      access: (input) => [
        {
          action: "ecs:ListTasks",
          resource: "*",
          context: { "ecs:cluster": names.cluster(clusterName(input.cluster)) },
        },
      ],
      run(input) {
        const given = parseInput(ListTasks, input);
        const cluster = state.cluster(given.cluster);
        const service =
          given.serviceName === undefined ? undefined : state.service(cluster, given.serviceName).name;
        // ECS gives no task the desired status PENDING: the filter finds nothing.
        const desiredStatus = given.desiredStatus ?? "RUNNING";
        const found = [...state.tasks.values()].filter(
          ({ identity, state: { desiredStatus: own } }) =>
            identity.cluster === cluster &&
            own === desiredStatus &&
            (service === undefined || identity.serviceName === service) &&
            (given.family === undefined || identity.definition.family === given.family) &&
            (given.startedBy === undefined || identity.startedBy === given.startedBy),
        );
        const { items, nextToken } = page(
          found.map(({ identity }) => identity.taskArn),
          input,
          100,
        );
        return { taskArns: items, nextToken };
      },
    },
    DescribeTasks: {
      access: (input) => access("ecs:DescribeTasks", input, strings(input.tasks)),
      run(input) {
        const given = parseInput(DescribeTasks, input);
        const cluster = state.cluster(given.cluster);
        const tasks: object[] = [];
        const failures: object[] = [];
        for (const identifier of given.tasks) {
          const task = find(cluster, identifier);
          if (task) tasks.push(describeTask(task, names, place));
          else failures.push({ arn: names.task(cluster, lastPart(identifier)), reason: "MISSING" });
        }
        return { tasks, failures };
      },
    },
    StopTask: {
      access: (input) => access("ecs:StopTask", input, strings([input.task])),
      run(input) {
        const given = parseInput(StopTask, input);
        const task = find(state.cluster(given.cluster), given.task);
        if (!task) throw new AwsError("InvalidParameterException", "The referenced task was not found.");
        task.stop("UserInitiated", given.reason ?? "Task stopped by user");
        return { task: describeTask(task, names, place) };
      },
    },
    RunTask: {
      access(input) {
        const { family, revision = "*" } = taskDefinitionParts(String(input.taskDefinition ?? "*"));
        const context = { "ecs:cluster": names.cluster(clusterName(input.cluster)) };
        return [{ action: "ecs:RunTask", resource: names.taskDefinition(family, revision), context }];
      },
      run(input) {
        const given = parseInput(RunTask, input);
        const cluster = state.cluster(given.cluster);
        const definition = state.definition(given.taskDefinition);
        const group = given.group ?? `family:${definition.family}`;
        const startedBy = given.startedBy === undefined ? {} : { startedBy: given.startedBy };
        const tasks = Array.from({ length: given.count ?? 1 }, () =>
          state.launch({ cluster, definition, group, ...startedBy }),
        );
        return { tasks: tasks.map((task) => describeTask(task, names, place)), failures: [] };
      },
    },
  };
}
