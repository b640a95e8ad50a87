import { ClusterNotFoundException } from "@aws-sdk/client-ecs";
import { createEcsServices } from "../../../../../shared/aws/ecs-services.ts";
import { createEcsClientOf, type EcsAnswers } from "./ecs-client.ts";

export const SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
export const createdAt = new Date("2026-11-20T09:00:00Z");
export const endedAt = new Date("2026-11-20T09:05:00Z");
export const since = new Date("2026-11-20T10:00:00Z");
export const taskArn = (id: string, cluster = "main") =>
  `arn:aws:ecs:us-east-1:000000000000:task/${cluster}/${Buffer.from(id).toString("hex").padStart(32, "0")}`;
/** What {@link taskArn} was made of. */
export const idOf = (arn: string) =>
  Buffer.from(arn.slice(arn.lastIndexOf("/") + 1), "hex")
    .toString()
    .replaceAll("\0", "");
export const serviceArn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:service/main/${name}`;

/** `injected` shows the secret in its task definition; `reader` shows nothing, and its task reports. */
export const CLUSTER: EcsAnswers = {
  ListServices: () => ({ serviceArns: [serviceArn("injected"), serviceArn("reader")] }),
  DescribeServices: ({ services }: { services: string[] }) => ({
    services: services.map((service) => {
      const name = service.slice(service.lastIndexOf("/") + 1);
      return {
        serviceArn: serviceArn(name),
        clusterArn: "main",
        status: "ACTIVE",
        taskDefinition: `${name}:1`,
        deployments: [
          {
            id: `ecs-svc/${name}`,
            status: "PRIMARY",
            createdAt,
            updatedAt: endedAt,
            rolloutState: "FAILED",
            rolloutStateReason: "stopped",
          },
          { id: "ecs-svc/old", status: "ACTIVE", createdAt, rolloutState: "COMPLETED" },
        ],
      };
    }),
  }),
  DescribeTaskDefinition: ({ taskDefinition }: { taskDefinition: string }) => ({
    taskDefinition: {
      containerDefinitions: [
        { secrets: taskDefinition === "injected:1" ? [{ name: "DB", valueFrom: SECRET }] : [] },
      ],
    },
  }),
  ListTasks: ({ serviceName }: { serviceName?: string }) => ({
    taskArns: ["i1", "r1", "cron", "other"]
      .filter((id) => !serviceName || id === (serviceName.endsWith("injected") ? "i1" : "r1"))
      .map((id) => taskArn(id)),
  }),
  DescribeTasks: ({ tasks }: { tasks: string[] }) => ({
    tasks: tasks
      .map(idOf)
      .filter((id) => !id.endsWith("gone"))
      .map((id) => ({
        taskArn: taskArn(id),
        createdAt,
        desiredStatus: id === "stopping" ? "STOPPED" : "RUNNING",
        taskDefinitionArn: id === "cron" ? "injected:1" : "job:1",
        group: id === "r1" ? "service:reader" : id === "i1" ? "service:injected" : "family:job",
      })),
  }),
};

export function ecsOf(answers: EcsAnswers = CLUSTER, writes: EcsAnswers = {}, clusters = ["main"]) {
  const reads = createEcsClientOf(answers);
  const updates = createEcsClientOf(writes);
  const ecs = createEcsServices({ reads: reads.client, writes: updates.client }, { clusters });
  return { ecs, reads, updates };
}

export const clusterGone = () => {
  throw new ClusterNotFoundException({ message: "The referenced cluster was inactive.", $metadata: {} });
};
