import type {
  PrimaryDeployment,
  RunningTask,
  SecretUsers,
  ServiceUsingSecret,
} from "../../shared/aws/ecs-services.ts";
import type { InstanceRecord, Verdict } from "../../shared/aws/ledger.ts";
import { lastHeardAt } from "../../shared/rotation/last-heard-at.ts";

export interface RedeployFacts extends SecretUsers {
  readonly versionId: string;
  /** When the version became current. */
  readonly currentSince: Date;
  readonly verdict: Verdict | undefined;
  readonly instances: readonly InstanceRecord[];
  /** Instances of which ECS cannot tell whether they live: on hosts of one's own, or in clusters that are not looked at. */
  readonly outsideEcs: readonly InstanceRecord[];
  /** Instances outside ECS that were last heard of before this are taken for gone. */
  readonly heardSince: Date;
  /** Whether a credential that could not be tried may lead to a deployment. */
  readonly mayRedeployUnverified: boolean;
}

/** The last two are found when a service is about to be deployed. */
export type WithholdReason =
  | "credential-rejected"
  | "credential-unverifiable"
  | "credential-unreachable"
  | "deployment-in-progress"
  | "deployment-failed"
  | "deployment-controller"
  | "secret-pinned"
  | "other-credential-rejected"
  | "waited-too-long";

/** A service with tasks that are not on the version, and what to do about it. */
export interface StaleService {
  readonly service: ServiceUsingSecret;
  readonly staleTasks: number;
  /** "wait": there is no verdict yet, so nothing may be decided. */
  readonly decision: "redeploy" | "wait" | WithholdReason;
}

export interface RedeployPlan {
  readonly adopted: number;
  readonly stale: number;
  readonly staleServices: readonly StaleService[];
  /** Ids of instances that are behind and that no deployment can reach. */
  readonly unmanaged: readonly string[];
  /** How many of them never reported. */
  readonly unreported: number;
}

/** Compares the tasks that run with the reports that came, and decides for each service that is behind. */
export function planRedeploy(facts: RedeployFacts): RedeployPlan {
  const onVersion = new Set(
    facts.instances
      .filter(({ versionId }) => versionId === facts.versionId)
      .map(({ instanceId }) => instanceId),
  );
  // A task that was created after the version became current read the new one at its start, unless it is given another.
  const isStale = ({ taskArn, createdAt }: RunningTask, isPinned = false) =>
    !onVersion.has(taskArn) && (isPinned || createdAt < facts.currentSince);

  const tasks = facts.services.flatMap((service) => service.tasks);
  const staleServices = facts.services
    .map((service) => ({
      service,
      staleTasks: service.tasks.filter((task) => isStale(task, service.use === "pinned")).length,
    }))
    .filter(({ staleTasks }) => staleTasks > 0)
    .map((behind) => ({ ...behind, decision: decide(behind.service, facts) }));
  const stale = staleServices.reduce((sum, { staleTasks }) => sum + staleTasks, 0);
  const unmanaged = [
    ...facts.standaloneTasks
      .filter((task) => isStale(task, task.use === "pinned"))
      .map(({ taskArn }) => taskArn),
    ...facts.outsideEcs
      .filter((instance) => !onVersion.has(instance.instanceId) && isAlive(instance, facts.heardSince))
      .map(({ instanceId }) => instanceId),
  ];
  const known = new Set(facts.instances.map(({ instanceId }) => instanceId));
  const unreported = unmanaged.filter((instanceId) => !known.has(instanceId)).length;
  return { adopted: tasks.length - stale, stale, staleServices, unmanaged, unreported };
}

/** What a deployment that began after the rotation makes of a service. Whoever began it, its tasks start with the version; one that failed would fail again. */
export function reasonOf({ hasFailed }: PrimaryDeployment) {
  return hasFailed ? "deployment-failed" : "deployment-in-progress";
}

function isAlive(instance: InstanceRecord, since: Date): boolean {
  return (lastHeardAt(instance) ?? "") >= since.toISOString();
}

function decide(
  service: ServiceUsingSecret,
  { verdict, currentSince, mayRedeployUnverified }: RedeployFacts,
): StaleService["decision"] {
  // No deployment brings its tasks another version, whoever began it, and one more could cost sessions that still live.
  if (service.use === "pinned") return "secret-pinned";
  const deployment = service.primaryDeployment;
  if (deployment && deployment.createdAt >= currentSince) {
    return reasonOf(deployment);
  }
  const goAhead = service.canForce ? "redeploy" : "deployment-controller";
  switch (verdict) {
    case "accepted":
      return goAhead;
    case "rejected":
      return "credential-rejected";
    case "unverifiable":
    case "unreachable":
      return mayRedeployUnverified ? goAhead : `credential-${verdict}`;
    case undefined:
      return "wait";
  }
}
