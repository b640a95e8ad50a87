export { nameWithoutSuffix as secretName } from "../../../shared/contract/secret-id.ts";

const SHORT_VERSION = 8;
const SHORT_TASK = 12;

/** Enough of a version's id to tell it from the others. */
export function shortVersion(versionId: string | undefined): string {
  return versionId === undefined ? "–" : versionId.slice(0, SHORT_VERSION);
}

/** The end of a task's ARN; other instances, host and process id, as they are. */
export function shortInstance(instanceId: string): string {
  return instanceId.startsWith("arn:") ? (instanceId.split("/").at(-1) ?? "").slice(-SHORT_TASK) : instanceId;
}

/** The name at the end of a service's ARN. */
export function serviceName(serviceArn: string): string {
  return serviceArn.split("/").at(-1) ?? serviceArn;
}
