import type { RunningTask, ServiceUsingSecret } from "../../shared/aws/ecs-services.ts";
import type { InstanceRecord, Verdict } from "../../shared/aws/ledger.ts";

export interface RedeployFacts {
  readonly versionId: string;
  /** When the version became current. */
  readonly currentSince: Date;
  readonly verdict: Verdict | undefined;
  readonly services: readonly ServiceUsingSecret[];
  readonly instances: readonly InstanceRecord[];
}

export type WithholdReason =
  | "credential-rejected"
  | "credential-unverifiable"
  | "deployment-in-progress"
  | "deployment-controller"
  | "secret-pinned";

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
}

/** Compares the tasks that run with the reports that came, and decides for each service that is behind. */
export function planRedeploy(facts: RedeployFacts): RedeployPlan {
  const onVersion = new Set(
    facts.instances
      .filter(({ versionId }) => versionId === facts.versionId)
      .map(({ instanceId }) => instanceId),
  );
  // A task that was created after the version became current read the new one at its start.
  const isStale = ({ taskArn, createdAt }: RunningTask) =>
    createdAt < facts.currentSince && !onVersion.has(taskArn);

  const tasks = facts.services.flatMap((service) => service.tasks);
  const stale = tasks.filter(isStale).length;
  const staleServices = facts.services
    .map((service) => ({ service, staleTasks: service.tasks.filter(isStale).length }))
    .filter(({ staleTasks }) => staleTasks > 0)
    .map((behind) => ({ ...behind, decision: decide(behind.service, facts) }));
  return { adopted: tasks.length - stale, stale, staleServices };
}

function decide(
  service: ServiceUsingSecret,
  { verdict, currentSince }: RedeployFacts,
): StaleService["decision"] {
  const deployment = service.primaryDeployment;
  if (deployment?.inProgress && deployment.createdAt >= currentSince) return "deployment-in-progress";
  // New tasks would start with the same version, and perhaps lose the sessions that still live.
  if (service.use === "pinned") return "secret-pinned";
  switch (verdict) {
    case "accepted":
      return service.canForce ? "redeploy" : "deployment-controller";
    case "rejected":
      return "credential-rejected";
    case "unverifiable":
      return "credential-unverifiable";
    case undefined:
      return "wait";
  }
}
