import type { ServiceUsingSecret } from "../../../shared/aws/ecs-services.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import { createFakePipeline, NOW, ROTATED_AT, V2 } from "../../fakes/pipeline.ts";

export const currentSince = new Date(ROTATED_AT);
export const before = new Date(currentSince.getTime() - 60_000);
export const after = new Date(currentSince.getTime() + 10);

/** A service whose tasks were created at these times; its last deployment is long done. */
export const service = (
  name: string,
  tasks: Record<string, Date>,
  changes: Partial<ServiceUsingSecret> = {},
): ServiceUsingSecret => ({
  serviceArn: name,
  clusterArn: "main",
  use: "current",
  secretIds: [],
  canForce: true,
  tasks: Object.entries(tasks).map(([taskArn, createdAt]) => ({ taskArn, createdAt })),
  primaryDeployment: { createdAt: before, inProgress: false },
  ...changes,
});

export const onVersion = (instanceId: string, versionId: string) => ({
  instanceId,
  service: "orders-api",
  versionId,
});

export const inProgress = (createdAt: Date, id = "ecs-svc/7") => ({
  primaryDeployment: { id, createdAt, inProgress: true },
});

/** orders-api is on the version, legacy-api is behind. */
export function pipelineWith(verdict: Verdict | undefined) {
  const fake = createFakePipeline();
  if (verdict) fake.versions.set(V2, { verdict, currentSince: currentSince.toISOString() });
  fake.services.push(
    service("orders-api", { o1: before, o2: before }),
    service("legacy-api", { l1: before }),
  );
  for (const task of ["o1", "o2"]) fake.instances.set(task, onVersion(task, V2));
  return fake;
}

/** A check that comes back, as the one that a message began. */
export const again = (claimant: string, round: number, waitingSince = NOW) => ({
  progress: {
    claimant,
    round,
    currentSince: currentSince.toISOString(),
    waitingSince: waitingSince.toISOString(),
    deferred: 1,
    othersTold: true,
  },
});
