import { hostname } from "node:os";
import * as z from "zod/mini";
import type { Logger } from "./logger.ts";

/** Who reports. */
export interface Instance {
  /** The ECS task ARN where there is one, else `host:pid`; stable for the life of the process. */
  readonly instanceId: string;
  readonly service: string;
}

const METADATA_TIMEOUT_MS = 1_000;

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html */
const TaskMetadata = z.object({
  TaskARN: z.string(),
  ServiceName: z.optional(z.string()),
  Family: z.optional(z.string()),
});

/**
 * Finds out which instance of which service this process is. A service name that is given wins over what ECS says.
 *
 * @param metadataUri ECS_CONTAINER_METADATA_URI_V4, which ECS sets in every container
 */
export async function identifyInstance(
  metadataUri: string | undefined,
  service: string | undefined,
  logger: Logger,
): Promise<Instance> {
  if (metadataUri) {
    try {
      const response = await fetch(`${metadataUri}/task`, {
        signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
      });
      const task = z.parse(TaskMetadata, await response.json());
      return { instanceId: task.TaskARN, service: service ?? task.ServiceName ?? task.Family ?? "unknown" };
    } catch (error) {
      logger.warn({ reason: String(error) }, "ECS task metadata was not readable; reporting as host and pid");
    }
  }
  return { instanceId: hostAndPid(), service: service ?? "unknown" };
}

/** Who we are outside ECS. A report under a name with control characters in it would be refused. */
export function hostAndPid(): string {
  return `${hostname().replaceAll(/\p{C}/gu, "-")}:${process.pid}`;
}
