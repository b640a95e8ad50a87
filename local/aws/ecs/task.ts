import { randomBytes } from "node:crypto";
import { delimiter, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../stores/free-port.ts";
import { type ProcessGroup, startProcessGroup } from "./process-group.ts";
import type { TaskDefinition } from "./task-definition.ts";
import { type HealthStatus, watchHealth } from "./watch-health.ts";

/** What a task is told to be, and what messages call it. */
export interface TaskIdentity {
  readonly taskId: string;
  readonly taskArn: string;
  readonly cluster: string;
  readonly containerArn: string;
  readonly definition: TaskDefinition;
  /** `service:NAME` or `family:NAME` */
  readonly group: string;
  /** Absent for a task that RunTask started. */
  readonly serviceName?: string;
  /** Id of the deployment, or what RunTask was told. */
  readonly startedBy?: string;
}

/** The world around tasks. */
export interface TaskSurroundings {
  readonly projectRoot: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** @throws Error with the reason that the stopped task then shows */
  readonly resolveSecretValueFrom: (valueFrom: string, executionRoleArn: string) => Promise<string>;
  readonly taskEnvironment: (task: TaskIdentity) => Readonly<Record<string, string>>;
  readonly taskMetadataUri: (taskId: string) => string;
  readonly onTaskLog: (task: TaskIdentity, line: string) => void;
  /** Between leaving the targets and SIGTERM, for requests that are on their way, as a load balancer grants it. */
  readonly deregistrationDelayMs: number;
}

export type StopCode =
  | "TaskFailedToStart"
  | "EssentialContainerExited"
  | "UserInitiated"
  | "ServiceSchedulerInitiated";
export type TaskStatus = "PENDING" | "RUNNING" | "DEACTIVATING" | "STOPPING" | "STOPPED";

export interface TaskState {
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly stoppingAt?: number;
  readonly stoppedAt?: number;
  readonly lastStatus: TaskStatus;
  readonly desiredStatus: "RUNNING" | "STOPPED";
  readonly healthStatus: HealthStatus;
  readonly healthSince: number;
  readonly stoppedReason?: string;
  readonly stopCode?: StopCode;
  readonly exitCode?: number;
  /** Where the task is told to listen, on loopback. */
  readonly port?: number;
}

export interface Task {
  readonly identity: TaskIdentity;
  readonly state: TaskState;
  /** Runs, is not on its way out, and is healthy where it says how to tell. */
  readonly isReady: boolean;
  readonly stopped: Promise<void>;
  /** Takes the task out of service, then SIGTERM, then SIGKILL after the container's `stopTimeout`. */
  stop(code: StopCode, reason: string): void;
  /** The end of the run: SIGTERM now, SIGKILL after `graceMs`, also in the middle of `stop`. */
  end(graceMs: number): Promise<void>;
}

const DEFAULT_STOP_TIMEOUT_SECONDS = 30;

/** A task's id, in ECS's form. */
export const newTaskId = () => randomBytes(16).toString("hex");

/**
 * Starts a task as a child process. Unlike a container it shares the machine's files and loopback: it is told its port
 * in `PORT`, in the place of a port mapping, and its memory is not limited.
 */
export function startTask(
  identity: TaskIdentity,
  surroundings: TaskSurroundings,
  onChange: (task: Task) => void,
): Task {
  const { now, projectRoot, deregistrationDelayMs } = surroundings;
  const [container] = identity.definition.containerDefinitions;
  const createdAt = now();
  let state: TaskState = {
    createdAt,
    lastStatus: "PENDING",
    desiredStatus: "RUNNING",
    healthStatus: "UNKNOWN",
    healthSince: createdAt,
  };
  let group: ProcessGroup | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const stopped = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const hurry = new AbortController();

  function change(next: Partial<TaskState>): void {
    state = { ...state, ...next };
    onChange(task);
  }

  function terminate(graceMs: number): void {
    group?.signal("SIGTERM");
    clearTimeout(killTimer);
    killTimer = setTimeout(() => group?.signal("SIGKILL"), graceMs);
  }

  async function start(): Promise<void> {
    // A task that is stopped while its secrets are being fetched does not wait for them.
    const left = new Promise<undefined>((resolve) => {
      leaving.signal.addEventListener("abort", () => resolve(undefined));
    });
    const prepared = await Promise.race([prepareTask(identity, surroundings), left]);
    if (prepared === undefined || leaving.signal.aborted) return;
    const { env, port } = prepared;
    const command = [...(container.entryPoint ?? []), ...(container.command ?? [])];
    const onLine = (line: string) => surroundings.onTaskLog(identity, line);
    const cwd = container.workingDirectory ?? projectRoot;
    group = startProcessGroup({ command, env, cwd, onLine });
    await group.started.catch((error: Error) => {
      throw new Error(`CannotStartContainerError: ${error.message}`);
    });
    if (!leaving.signal.aborted) change({ lastStatus: "RUNNING", startedAt: now(), port });
    const health =
      container.healthCheck &&
      watchHealth(container.healthCheck, { env, cwd }, leaving.signal, (healthStatus) =>
        change({ healthStatus, healthSince: now() }),
      );
    const { code, signal } = await group.exited;
    // As a shell and Docker count: 128 and the signal's number, of which these two matter.
    const exitCode = code ?? (signal === "SIGKILL" ? 137 : 143);
    const cause = {
      stopCode: "EssentialContainerExited",
      stoppedReason: "Essential container in task exited",
    } as const;
    // Out of the targets at once, whatever is left to tidy up.
    change({ desiredStatus: "STOPPED", exitCode, ...(leaving.signal.aborted ? {} : cause) });
    leaving.abort();
    await health;
  }

  async function live(): Promise<void> {
    try {
      await start();
    } catch (error) {
      if (!leaving.signal.aborted) {
        change({
          desiredStatus: "STOPPED",
          stopCode: "TaskFailedToStart",
          stoppedReason: error instanceof Error ? error.message : String(error),
        });
      }
    }
    leaving.abort();
    hurry.abort();
    clearTimeout(killTimer);
    change({ lastStatus: "STOPPED", desiredStatus: "STOPPED", stoppedAt: now() });
    stopped.resolve();
  }

  const task: Task = {
    identity,
    stopped: stopped.promise,
    get state() {
      return state;
    },
    get isReady() {
      const isHealthy = container.healthCheck === undefined || state.healthStatus === "HEALTHY";
      return state.lastStatus === "RUNNING" && state.desiredStatus === "RUNNING" && isHealthy;
    },
    stop(stopCode, stoppedReason) {
      if (leaving.signal.aborted) return;
      leaving.abort();
      const lastStatus = state.lastStatus === "RUNNING" ? "DEACTIVATING" : "STOPPING";
      change({ desiredStatus: "STOPPED", lastStatus, stoppingAt: now(), stopCode, stoppedReason });
      const waitMs = lastStatus === "DEACTIVATING" ? deregistrationDelayMs : 0;
      void delay(waitMs, undefined, { signal: hurry.signal }).then(
        () => {
          change({ lastStatus: "STOPPING" });
          terminate((container.stopTimeout ?? DEFAULT_STOP_TIMEOUT_SECONDS) * 1000);
        },
        () => {},
      );
    },
    async end(graceMs) {
      task.stop("UserInitiated", "The local run ends");
      hurry.abort();
      terminate(graceMs);
      await stopped.promise;
      clearTimeout(killTimer);
    },
  };
  // After the caller has the task in hand: it hears of every change of something that it knows.
  queueMicrotask(() => void live());
  return task;
}

async function prepareTask(
  identity: TaskIdentity,
  { resolveSecretValueFrom, taskEnvironment, taskMetadataUri }: TaskSurroundings,
): Promise<{ env: Record<string, string>; port: number }> {
  const { definition, taskId } = identity;
  const [container] = definition.containerDefinitions;
  const secrets = await Promise.all(
    (container.secrets ?? []).map(async ({ name, valueFrom }) => {
      try {
        if (!definition.executionRoleArn) throw new Error("the task definition names no executionRoleArn");
        return [name, await resolveSecretValueFrom(valueFrom, definition.executionRoleArn)];
      } catch (error) {
        const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        throw new Error(
          `ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret ${valueFrom} from secrets manager: ${reason}`,
        );
      }
    }),
  );
  const port = await freePort();
  return {
    port,
    env: {
      // The one thing that a task takes from the machine: its programs, and `node` is the one that runs us.
      PATH: [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
      ...Object.fromEntries((container.environment ?? []).map(({ name, value }) => [name, value])),
      ...Object.fromEntries(secrets),
      ...taskEnvironment(identity),
      PORT: String(port),
      ECS_CONTAINER_METADATA_URI_V4: taskMetadataUri(taskId),
    },
  };
}
