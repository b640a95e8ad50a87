import type { SecretUse, SecretUsers, ServiceUsingSecret } from "../../../../shared/aws/ecs-services.ts";
import { LONGEST_HELD_MS } from "../../../../shared/aws/redeploy-slots.ts";
import type { DeploymentChange } from "../../../../shared/contract/deployment-change.ts";

interface Task {
  readonly taskArn: string;
  readonly createdAt: Date;
}

interface Deployment {
  readonly id: string;
  readonly createdAt: Date;
  readonly inProgress: boolean;
  readonly hasFailed: boolean;
  readonly ended?: { readonly at: Date; readonly reason: string };
  readonly isForced: boolean;
}

interface Service {
  readonly serviceArn: string;
  readonly use: SecretUse;
  readonly canForce: boolean;
  /** Whether its tasks have the client, and report. */
  readonly reports: boolean;
  tasks: readonly Task[];
  deployment: Deployment;
}

const ACCOUNT = "arn:aws:ecs:us-east-1:000000000000";
const CLUSTER = `${ACCOUNT}:cluster/main`;

/** One cluster, whose deployments end when the test says so. */
export class SimulatedEcs {
  readonly services: readonly Service[];
  readonly #run: string;
  #made = 0;

  /** @param run part of every name, so that no two runs share a row of the ledger */
  constructor(run: string, createdAt: Date) {
    this.#run = run;
    const service = (name: string, changes: Partial<Service> = {}): Service => ({
      serviceArn: `${ACCOUNT}:service/main/${name}-${run}`,
      use: "current",
      canForce: true,
      reports: false,
      tasks: [this.#startTask(createdAt), this.#startTask(createdAt)],
      deployment: {
        id: `ecs-svc/${run}-${++this.#made}`,
        createdAt,
        inProgress: false,
        hasFailed: false,
        isForced: false,
      },
      ...changes,
    });
    this.services = [
      service("orders", { reports: true }),
      service("legacy"),
      service("pinned", { use: "pinned" }),
      service("blue-green", { canForce: false }),
    ];
  }

  /** As they are now. */
  findUsing(): SecretUsers {
    const services = this.services.map(
      ({ serviceArn, use, canForce, tasks, deployment }): ServiceUsingSecret => ({
        serviceArn,
        clusterArn: CLUSTER,
        use,
        canForce,
        tasks,
        primaryDeployment: deployment,
      }),
    );
    return { services, standaloneTasks: [] };
  }

  /** Deployments of other services that were forced and are under way. One that takes very long keeps nobody waiting. */
  countForced(besides: string, at: Date): number {
    return this.services.filter(
      ({ serviceArn, deployment: { isForced, inProgress, createdAt } }) =>
        serviceArn !== besides &&
        isForced &&
        inProgress &&
        at.getTime() - createdAt.getTime() < LONGEST_HELD_MS,
    ).length;
  }

  /** Somebody deploys a service, by whatever means. @returns its name */
  deploy(pick: number, at: Date): string | undefined {
    const service = this.services[pick % this.services.length];
    if (service) this.#deploy(service, at, false);
    return service?.serviceArn.split("/").at(-1);
  }

  forceNewDeployment(serviceArn: string, at: Date): string {
    const service = this.services.find((one) => one.serviceArn === serviceArn);
    if (!service?.canForce) throw new Error(`ECS refuses to deploy ${serviceArn}`);
    return this.#deploy(service, at, true);
  }

  #deploy(service: Service, createdAt: Date, isForced: boolean): string {
    const id = `ecs-svc/${this.#run}-${++this.#made}`;
    service.deployment = { id, createdAt, inProgress: true, hasFailed: false, isForced };
    return id;
  }

  /** @returns what ECS tells; undefined where nothing was under way */
  endDeployment(outcome: DeploymentChange["outcome"], at: Date): DeploymentChange | undefined {
    const service = this.services.find(({ deployment }) => deployment.inProgress);
    if (!service) return undefined;
    const { deployment, serviceArn } = service;
    const ended = { at, reason: outcome };
    service.deployment = { ...deployment, inProgress: false, hasFailed: outcome === "failed", ended };
    if (outcome === "completed") service.tasks = service.tasks.map(() => this.#startTask(at));
    return { serviceArn, deploymentId: deployment.id, outcome, endedAt: at.toISOString(), reason: outcome };
  }

  #startTask(createdAt: Date): Task {
    return { taskArn: `${ACCOUNT}:task/main/${this.#run}-${++this.#made}`, createdAt };
  }
}
