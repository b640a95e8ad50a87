import type { SecretUse, SecretUsers, ServiceUsingSecret } from "../../../../shared/aws/ecs-services.ts";
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
      deployment: { id: `ecs-svc/${run}-${++this.#made}`, createdAt, inProgress: false, hasFailed: false },
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

  forceNewDeployment(serviceArn: string, at: Date): string {
    const service = this.services.find((one) => one.serviceArn === serviceArn);
    if (!service?.canForce) throw new Error(`ECS refuses to deploy ${serviceArn}`);
    const id = `ecs-svc/${this.#run}-${++this.#made}`;
    service.deployment = { id, createdAt: at, inProgress: true, hasFailed: false };
    return id;
  }

  /** @returns what ECS tells; undefined where nothing was under way */
  endDeployment(outcome: DeploymentChange["outcome"], at: Date): DeploymentChange | undefined {
    const service = this.services.find(({ deployment }) => deployment.inProgress);
    if (!service) return undefined;
    const { deployment, serviceArn } = service;
    service.deployment = { ...deployment, inProgress: false, hasFailed: outcome === "failed" };
    if (outcome === "completed") service.tasks = service.tasks.map(() => this.#startTask(at));
    return { serviceArn, deploymentId: deployment.id, outcome, endedAt: at.toISOString(), reason: outcome };
  }

  #startTask(createdAt: Date): Task {
    return { taskArn: `${ACCOUNT}:task/main/${this.#run}-${++this.#made}`, createdAt };
  }
}
