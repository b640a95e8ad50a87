import {
  DeploymentRefusedError,
  type SecretUse,
  type SecretUsers,
  type ServiceUsingSecret,
} from "../../../../shared/aws/ecs-services.ts";
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

/** A service, and how it uses secrets, by their ARNs. */
export interface SimulatedService {
  readonly serviceArn: string;
  readonly uses: ReadonlyMap<string, SecretUse>;
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
  readonly services: readonly SimulatedService[];
  /** Services whose forced deployment somebody else's took the place of: ECS never tells of its end. */
  readonly overtaken = new Set<string>();
  readonly #run: string;
  #made = 0;
  /** How the next calls of UpdateService go wrong. */
  #refusals: ("refused" | "failed")[] = [];

  /**
   * @param run part of every name, so that no two runs share a row of the ledger
   * @param secretArns of a secret that every service uses, and of another one of some
   */
  constructor(run: string, secretArns: readonly [string, string], createdAt: Date) {
    const [first, second] = secretArns;
    const both = new Map<string, SecretUse>([
      [first, "current"],
      [second, "current"],
    ]);
    this.#run = run;
    const service = (
      name: string,
      uses: ReadonlyMap<string, SecretUse>,
      changes: Partial<SimulatedService> = {},
    ): SimulatedService => ({
      serviceArn: `${ACCOUNT}:service/main/${name}-${run}`,
      uses,
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
      service("orders", both, { reports: true }),
      service("legacy", both),
      service("pinned", new Map([[first, "pinned"]])),
      service("blue-green", new Map([[first, "current"]]), { canForce: false }),
    ];
  }

  /** As they are now. */
  findUsing(secretArn: string): SecretUsers {
    const services = this.services.flatMap(
      ({ serviceArn, uses, canForce, tasks, deployment }): ServiceUsingSecret[] => {
        const use = uses.get(secretArn);
        const secretIds = [...uses.keys()];
        const known = { serviceArn, clusterArn: CLUSTER, secretIds, canForce, tasks };
        return use ? [{ ...known, use, primaryDeployment: deployment }] : [];
      },
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
    const refusal = this.#refusals.shift();
    if (!service?.canForce || refusal === "refused") {
      throw new DeploymentRefusedError(`ECS refuses to deploy ${serviceArn}`);
    }
    if (refusal === "failed") throw new Error("ECS has failed, and deployed nothing");
    return this.#deploy(service, at, true);
  }

  /** The next call to force a deployment deploys nothing. */
  refuse(how: "refused" | "failed"): void {
    this.#refusals.push(how);
  }

  endRefusals(): void {
    this.#refusals = [];
  }

  #deploy(service: SimulatedService, createdAt: Date, isForced: boolean): string {
    const id = `ecs-svc/${this.#run}-${++this.#made}`;
    if (service.deployment.isForced && service.deployment.inProgress) this.overtaken.add(service.serviceArn);
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
