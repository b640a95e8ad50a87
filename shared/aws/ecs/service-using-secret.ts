import type { Service } from "@aws-sdk/client-ecs";
import type { RunningTask } from "./running-tasks.ts";
import type { SecretUse } from "./secret-use.ts";

/** A service that uses the secret, and its tasks as ECS knows them. */
export interface ServiceUsingSecret {
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly use: SecretUse;
  /**
   * Everything by which its task definition and its tag name secrets, of this and of other rotations: ARNs, with or without
   * the suffix, and names. What is pinned, and so stays the same, is left out.
   */
  readonly secretIds: readonly string[];
  /** False where CodeDeploy or somebody else deploys the service: ECS refuses to be forced then. */
  readonly canForce: boolean;
  readonly tasks: readonly RunningTask[];
  readonly primaryDeployment?: PrimaryDeployment;
}

/** The deployment that ECS works towards. */
export interface PrimaryDeployment {
  readonly id?: string;
  readonly createdAt: Date;
  readonly inProgress: boolean;
  /** The circuit breaker has stopped it, and nothing was rolled back. */
  readonly hasFailed?: boolean;
  /** Absent while it is under way. */
  readonly ended?: { readonly at: Date; readonly reason: string };
}

/** Reads it from what ECS answers. @returns undefined where the service has none */
export function toPrimaryDeployment(service: Service): PrimaryDeployment | undefined {
  const {
    id,
    createdAt,
    updatedAt,
    rolloutState,
    rolloutStateReason: reason = "",
  } = primaryOf(service) ?? {};
  if (!createdAt) return undefined;
  const hasEnded = rolloutState === "COMPLETED" || rolloutState === "FAILED";
  return {
    ...(id && { id }),
    createdAt,
    inProgress: rolloutState === "IN_PROGRESS",
    hasFailed: rolloutState === "FAILED",
    ...(hasEnded && { ended: { at: updatedAt ?? createdAt, reason } }),
  };
}

export const primaryOf = (service: Service | undefined) =>
  service?.deployments?.find(({ status }) => status === "PRIMARY");
