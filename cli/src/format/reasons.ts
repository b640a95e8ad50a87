import type { UnsafeReason } from "../../../shared/rotation/safe-to-rotate.ts";
import { serviceName, shortInstance, shortVersion } from "./names.ts";
import { plural } from "./plural.ts";

/** What is not well, for a line of its own. */
export function formatReason(reason: UnsafeReason): string {
  switch (reason.code) {
    case "rotation-not-known":
      return reason.versionId
        ? `Version ${shortVersion(reason.versionId)} is current, and no event told of it yet; reconcile feeds it in within the hour`
        : "No version is known";
    case "verdict-missing":
      return `Nobody has logged in with version ${shortVersion(reason.versionId)} yet`;
    case "credential-rejected":
      return `The store refused version ${shortVersion(reason.versionId)}: services keep the one before. Move AWSCURRENT back to it, or find out why and rotate again with --force`;
    case "credential-unverified":
      return `Version ${shortVersion(reason.versionId)} is ${reason.verdict}: its history says why`;
    case "adoption-not-checked":
      return `Nobody has counted yet who does not report and is not on version ${shortVersion(reason.versionId)}; the check at the adoption deadline does`;
    case "instance-behind":
      return `${whoIs(reason)} is on ${reason.versionId ? `version ${shortVersion(reason.versionId)}` : "no version that it told of"}`;
    case "instance-silent":
      return `${whoIs(reason)} has not reported ${reason.heardAt ? `since ${reason.heardAt}` : "yet"}`;
    case "tasks-behind":
      return `At the check ${plural(reason.tasks, "task")} without a service ran on another version than ${shortVersion(reason.versionId)}, and never reported: start them anew, and have a check look again`;
    case "redeploy-under-way":
      return `${serviceName(reason.serviceArn)} is being redeployed`;
    case "service-behind":
      if (reason.decision === "deployment-unknown") {
        return `${serviceName(reason.serviceArn)} was behind, and nobody told how its deployment ended: a check that finds no service behind clears this, and for a day reconcile has one look again, ever less often. Look at the service in ECS`;
      }
      return `${serviceName(reason.serviceArn)} is behind, and was left alone: ${reason.decision}`;
  }
}

/** Short, for a cell: how many of what. */
export function summarizeReasons(reasons: readonly UnsafeReason[]): string {
  const counts = Map.groupBy(reasons, ({ code }) => code);
  return [...counts].map(([code, { length }]) => (length > 1 ? `${code} ×${length}` : code)).join(", ");
}

function whoIs({ instanceId, service }: { readonly instanceId: string; readonly service?: string }): string {
  return service ? `${service} ${shortInstance(instanceId)}` : shortInstance(instanceId);
}
