import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import type { AwsPlace } from "../service.ts";

/** The name of a cluster, a service, a family or a container. */
export const EcsName = z
  .string()
  .check(z.regex(/^[\w-]{1,255}$/, "must be 1 to 255 letters, digits, hyphens or underscores"));

/** Builds the ARNs of ECS, in the long format, and reads the names that calls give in their place. */
export interface EcsNames {
  cluster(name: string): string;
  service(cluster: string, name: string): string;
  task(cluster: string, id: string): string;
  container(cluster: string, taskId: string, id: string): string;
  taskDefinition(family: string, revision: number | string): string;
}

export function createEcsNames({ region, accountId }: AwsPlace): EcsNames {
  const prefix = `arn:aws:ecs:${region}:${accountId}`;
  return {
    cluster: (name) => `${prefix}:cluster/${name}`,
    service: (cluster, name) => `${prefix}:service/${cluster}/${name}`,
    task: (cluster, id) => `${prefix}:task/${cluster}/${id}`,
    container: (cluster, taskId, id) => `${prefix}:container/${cluster}/${taskId}/${id}`,
    taskDefinition: (family, revision) => `${prefix}:task-definition/${family}:${revision}`,
  };
}

/** A cluster by name or ARN; ECS takes `default` where a call names none. */
export function clusterName(identifier: unknown): string {
  return typeof identifier === "string" && identifier !== "" ? lastPart(identifier) : "default";
}

/** The name of a service, or the id of a task, from itself or from its ARN. */
export function lastPart(identifier: string): string {
  return identifier.slice(identifier.lastIndexOf("/") + 1);
}

/** @throws AwsError where an ARN belongs to another cluster than the one that the call names */
export function nameInCluster(identifier: string, cluster: string): string {
  const parts = identifier.split("/");
  const own = parts.length === 3 ? parts[1] : undefined;
  if (own !== undefined && own !== cluster) {
    throw new AwsError(
      "InvalidParameterException",
      `Identifier is for cluster ${own}. Your cluster is ${cluster}`,
    );
  }
  return lastPart(identifier);
}

/** `family`, `family:revision` or an ARN. Without a revision the newest is meant. */
export function taskDefinitionParts(identifier: string): { family: string; revision?: number } {
  const [family = "", revision] = lastPart(identifier).split(":");
  return revision === undefined ? { family } : { family, revision: Number(revision) };
}
