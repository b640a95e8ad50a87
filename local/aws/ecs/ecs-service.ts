import { randomInt, randomUUID } from "node:crypto";
import type { AwsPlace } from "../service.ts";
import {
  type Deployment,
  type DeploymentConfiguration,
  describeService,
  type ServiceEvent,
  type Tag,
} from "./describe-service.ts";
import type { EcsNames } from "./ecs-names.ts";
import { planDeployment } from "./plan-deployment.ts";
import { createRestartBackoff } from "./restart-backoff.ts";
import type { StopCode, Task } from "./task.ts";
import type { TaskDefinition } from "./task-definition.ts";

export interface EcsServiceOptions {
  readonly name: string;
  readonly cluster: string;
  readonly definition: TaskDefinition;
  readonly desiredCount: number;
  readonly configuration: DeploymentConfiguration;
  readonly tags: readonly Tag[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly launch: (definition: TaskDefinition, deploymentId: string, onChange: (task: Task) => void) => Task;
  readonly log: (message: string) => void;
  /** Hears of each deployment when it begins, is completed, or has failed. */
  readonly onDeployment: (deployment: Readonly<Deployment>) => void;
}

/** A service: keeps its tasks at the desired count, and rolls deployments out. */
export interface EcsService {
  readonly name: string;
  readonly cluster: string;
  readonly status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly desiredCount: number;
  readonly definition: TaskDefinition;
  readonly tasks: readonly Task[];
  /** What is given changes; a new task definition, or `force`, makes a new deployment. */
  update(change: ServiceChange): void;
  /** Stops all tasks; INACTIVE once they have stopped. */
  remove(): void;
  /** No more starts or replacements: the run ends. */
  halt(): void;
  describe(names: EcsNames, place: AwsPlace, include?: { readonly tags: boolean }): object;
}

export interface ServiceChange {
  readonly definition?: TaskDefinition | undefined;
  readonly desiredCount?: number | undefined;
  readonly force?: boolean | undefined;
  readonly configuration?: Partial<DeploymentConfiguration> | undefined;
}

const KEPT_EVENTS = 100;

export function createEcsService(options: EcsServiceOptions): EcsService {
  const { name, cluster, now, launch } = options;
  let { definition, desiredCount, configuration } = options;
  let status: EcsService["status"] = "ACTIVE";
  let isHalted = false;
  const createdAt = now();
  const deployments: Deployment[] = [];
  const tasks = new Set<Task>();
  const everReady = new WeakSet<Task>();
  /** Their end was wanted, or has been counted as a failure. */
  const accountedFor = new WeakSet<Task>();
  const events: ServiceEvent[] = [];
  let lastCompleted: Deployment | undefined;
  let isAwake = false;
  const backoff = createRestartBackoff(now, wake);

  function report(message: string): void {
    const text = `(service ${name}) ${message}`;
    events.unshift({ id: randomUUID(), createdAt: now() / 1000, message: text });
    events.splice(KEPT_EVENTS);
    options.log(text);
  }

  function deploy(reason?: string): void {
    const id = `ecs-svc/${randomInt(1_000_000, 9_999_999)}${String(randomInt(0, 1e12)).padStart(12, "0")}`;
    const at = now();
    const deployment: Deployment = {
      id,
      definition,
      createdAt: at,
      updatedAt: at,
      rolloutState: "IN_PROGRESS",
      rolloutStateReason: reason ?? `ECS deployment ${id} in progress.`,
      failedTasks: 0,
    };
    deployments.unshift(deployment);
    options.onDeployment(deployment);
    backoff.reset();
    report(`(deployment ${id}) deployment started.`);
  }

  /** Several changes in one turn make one pass. */
  function wake(): void {
    if (isAwake || isHalted) return;
    isAwake = true;
    queueMicrotask(() => {
      isAwake = false;
      if (!isHalted) reconcile();
    });
  }

  function onTaskChange(task: Task): void {
    const { lastStatus, desiredStatus, healthStatus } = task.state;
    if (task.isReady) everReady.add(task);
    if (lastStatus === "STOPPED") tasks.delete(task);
    if (desiredStatus === "STOPPED") {
      if (!accountedFor.has(task)) taskFailed(task);
    } else if (healthStatus === "UNHEALTHY") {
      report(`(task ${task.identity.taskId}) failed container health checks.`);
      task.stop("ServiceSchedulerInitiated", "Task failed container health checks");
    }
    wake();
  }

  function taskFailed(task: Task): void {
    accountedFor.add(task);
    const { taskId, startedBy } = task.identity;
    report(`(task ${taskId}) stopped: ${task.state.stoppedReason}.`);
    const deployment = deployments.find(({ id }) => id === startedBy);
    if (!deployment || deployment !== deployments[0] || isHalted) return;
    backoff.taskFailed(everReady.has(task) ? now() - (task.state.startedAt ?? now()) : 0);
    if (!everReady.has(task)) {
      deployment.failedTasks += 1;
      breakCircuit(deployment);
    }
  }

  /** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html */
  function breakCircuit(deployment: Deployment): void {
    const breaker = configuration.deploymentCircuitBreaker;
    const threshold = Math.min(200, Math.max(3, Math.ceil(desiredCount * 0.5)));
    const isOver = deployment.failedTasks >= threshold && deployment.rolloutState === "IN_PROGRESS";
    if (!breaker?.enable || !isOver) return;
    deployment.rolloutState = "FAILED";
    deployment.rolloutStateReason = "ECS deployment circuit breaker: tasks failed to start.";
    deployment.updatedAt = now();
    report(`(deployment ${deployment.id}) deployment failed: tasks failed to start.`);
    options.onDeployment(deployment);
    if (breaker.rollback && lastCompleted) {
      definition = lastCompleted.definition;
      deploy(`ECS deployment circuit breaker: rolling back to deploymentId ${lastCompleted.id}.`);
    }
  }

  function reconcile(): void {
    const primary = deployments[0];
    if (!primary) return;
    const live = [...tasks].filter((task) => task.state.desiredStatus === "RUNNING");
    const mayStart = primary.rolloutState !== "FAILED" && backoff.mayStart;
    const facts = live.map((task) => ({
      taskId: task.identity.taskId,
      isPrimary: task.identity.startedBy === primary.id,
      isReady: task.isReady,
    }));
    const plan = planDeployment({ desiredCount, ...configuration, live: facts, mayStart });
    for (let count = 0; count < plan.start; count += 1) {
      const task = launch(primary.definition, primary.id, onTaskChange);
      tasks.add(task);
      report(`has started 1 tasks: (task ${task.identity.taskId}).`);
    }
    for (const task of live.filter(({ identity }) => plan.stop.includes(identity.taskId))) {
      stopTask(task, "ServiceSchedulerInitiated", `Scaling activity initiated by (deployment ${primary.id})`);
      report(`has stopped 1 running tasks: (task ${task.identity.taskId}).`);
    }
    settle(primary);
  }

  function stopTask(task: Task, code: StopCode, reason: string): void {
    accountedFor.add(task);
    task.stop(code, reason);
  }

  /** A deployment is done when its tasks serve and the last old one has stopped. */
  function settle(primary: Deployment): void {
    const present = new Set([...tasks].map((task) => task.identity.startedBy));
    for (const old of deployments.slice(1)) {
      if (!present.has(old.id)) deployments.splice(deployments.indexOf(old), 1);
    }
    const serving = [...tasks].filter((task) => task.isReady).length;
    const isSteady = deployments.length === 1 && serving === desiredCount && tasks.size === desiredCount;
    if (status === "DRAINING" && tasks.size === 0) status = "INACTIVE";
    if (!isSteady || primary.rolloutState !== "IN_PROGRESS") return;
    primary.rolloutState = "COMPLETED";
    primary.rolloutStateReason = `ECS deployment ${primary.id} completed.`;
    primary.updatedAt = now();
    lastCompleted = primary;
    report(`(deployment ${primary.id}) deployment completed.`);
    options.onDeployment(primary);
    report("has reached a steady state.");
  }

  deploy();
  wake();

  return {
    name,
    cluster,
    get status() {
      return status;
    },
    get desiredCount() {
      return desiredCount;
    },
    get definition() {
      return definition;
    },
    get tasks() {
      return [...tasks];
    },
    update(change) {
      desiredCount = change.desiredCount ?? desiredCount;
      configuration = { ...configuration, ...change.configuration };
      const isNew = change.definition !== undefined && change.definition !== definition;
      definition = change.definition ?? definition;
      if (isNew || change.force) deploy();
      wake();
    },
    remove() {
      status = "DRAINING";
      desiredCount = 0;
      wake();
    },
    halt() {
      isHalted = true;
      backoff.stop();
    },
    describe: (names, place, include) =>
      describeService(
        {
          name,
          cluster,
          status,
          desiredCount,
          definition,
          configuration,
          createdAt,
          events: [...events],
          deployments,
          tasks: [...tasks],
          ...(include?.tags && { tags: options.tags }),
        },
        names,
        place,
      ),
  };
}
