import { fileURLToPath } from "node:url";
import type { AwsEvent } from "../events/aws-event.ts";
import type { AwsJsonService, AwsPlace } from "../service.ts";
import { clusterOperations } from "./cluster-operations.ts";
import { deploymentEvent } from "./deployment-event.ts";
import { describeTaskMetadata } from "./describe-task.ts";
import { createEcsNames } from "./ecs-names.ts";
import { createEcsState, serviceKey } from "./ecs-state.ts";
import { serviceOperations } from "./service-operations.ts";
import type { TaskSurroundings } from "./task.ts";
import { taskOperations } from "./task-operations.ts";

export interface EcsOptions extends Omit<TaskSurroundings, "projectRoot" | "deregistrationDelayMs"> {
  readonly place: AwsPlace;
  /** What services do, as in the console's events. */
  readonly log: (message: string) => void;
  /** Takes what ECS puts on the event bus. Default: nobody. */
  readonly emit?: (event: AwsEvent) => void;
  /** Working directory of tasks. Default: the repository's root. */
  readonly projectRoot?: string;
  /** Between leaving the targets and SIGTERM. Default 250. */
  readonly deregistrationDelayMs?: number;
}

/** Where requests for a service may go. */
export interface EcsTarget {
  readonly taskArn: string;
  /** On loopback. */
  readonly port: number;
}

export interface Ecs {
  readonly service: AwsJsonService;
  /** The tasks of a service that are healthy and not on their way out. Both by name. */
  targets(cluster: string, service: string): readonly EcsTarget[];
  /** What the metadata endpoint answers to a task under `/task`; nothing for an unknown task. */
  taskMetadata(taskId: string): object | undefined;
  /** Ends every task, also in the middle of a deployment, and waits until no process is left. May be called again. */
  stop(): Promise<void>;
}

/** How long a task has to end itself when the run ends, whatever its own `stopTimeout`. */
const STOP_GRACE_MS = 5_000;

/**
 * ECS with tasks as child processes. Unlike Fargate, a task shares the machine's network and files, runs one
 * container, listens on the port that `PORT` tells it, and is not held to its CPU and memory.
 */
export function createEcs(options: EcsOptions): Ecs {
  const { place, now, log, emit } = options;
  const names = createEcsNames(place);
  const state = createEcsState(names, {
    ...options,
    projectRoot: options.projectRoot ?? fileURLToPath(new URL("../../../", import.meta.url)),
    deregistrationDelayMs: options.deregistrationDelayMs ?? 250,
  });
  return {
    service: {
      targetPrefix: "AmazonEC2ContainerServiceV20141113",
      jsonVersion: "1.1",
      operations: {
        ...clusterOperations(state, names, place, now),
        ...serviceOperations(state, names, place, {
          now,
          log,
          onDeployment: (serviceArn, deployment) => emit?.(deploymentEvent(place, serviceArn, deployment)),
        }),
        ...taskOperations(state, names, place),
      },
    },
    targets(cluster, service) {
      const tasks = state.services.get(serviceKey(cluster, service))?.tasks ?? [];
      return tasks.flatMap(({ isReady, identity: { taskArn }, state: { port } }) =>
        isReady && port !== undefined ? [{ taskArn, port }] : [],
      );
    },
    taskMetadata(taskId) {
      const task = state.tasks.get(taskId);
      return task && describeTaskMetadata(task, names, place);
    },
    async stop() {
      state.halt();
      for (const service of state.services.values()) service.halt();
      await Promise.all([...state.tasks.values()].map((task) => task.end(STOP_GRACE_MS)));
    },
  };
}
