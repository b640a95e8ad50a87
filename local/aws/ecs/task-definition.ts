import * as z from "zod/mini";
import { EcsName } from "./ecs-names.ts";

const Pairs = z.array(z.strictObject({ name: z.string(), value: z.string() }));
const seconds = (least: number, most: number) => z.int().check(z.gte(least), z.lte(most));

export const HealthCheck = z.strictObject({
  command: z
    .array(z.string())
    .check(z.refine(([kind]) => kind === "CMD" || kind === "CMD-SHELL", "must begin with CMD or CMD-SHELL")),
  interval: z.optional(seconds(5, 300)),
  timeout: z.optional(seconds(2, 60)),
  retries: z.optional(z.int().check(z.gte(1), z.lte(10))),
  startPeriod: z.optional(seconds(0, 300)),
});
export type HealthCheck = z.infer<typeof HealthCheck>;

/** What the local run gives effect to; of the rest, what has none here either way. Anything else is refused. */
const ContainerDefinition = z.strictObject({
  name: EcsName,
  image: z.string().check(z.minLength(1)),
  command: z.optional(z.array(z.string())),
  entryPoint: z.optional(z.array(z.string())),
  workingDirectory: z.optional(z.string()),
  environment: z.optional(Pairs),
  secrets: z.optional(z.array(z.strictObject({ name: z.string(), valueFrom: z.string() }))),
  healthCheck: z.optional(HealthCheck),
  stopTimeout: z.optional(seconds(0, 120)),
  portMappings: z.optional(
    z.array(
      z.strictObject({
        containerPort: z.int(),
        hostPort: z.optional(z.int()),
        protocol: z.optional(z.enum(["tcp", "udp"])),
        name: z.optional(z.string()),
        appProtocol: z.optional(z.string()),
      }),
    ),
  ),
  essential: z.optional(z.boolean()),
  cpu: z.optional(z.number()),
  memory: z.optional(z.number()),
  memoryReservation: z.optional(z.number()),
  logConfiguration: z.optional(z.unknown()),
  dockerLabels: z.optional(z.record(z.string(), z.string())),
  readonlyRootFilesystem: z.optional(z.boolean()),
  user: z.optional(z.string()),
});
export type ContainerDefinition = z.infer<typeof ContainerDefinition>;

export const RegisterTaskDefinitionInput = z.strictObject({
  family: EcsName,
  containerDefinitions: z
    .tuple([ContainerDefinition], z.unknown())
    .check(z.refine((all) => all.length === 1, "the local run runs one container in a task")),
  taskRoleArn: z.optional(z.string()),
  executionRoleArn: z.optional(z.string()),
  networkMode: z.optional(z.string()),
  requiresCompatibilities: z.optional(z.array(z.string())),
  cpu: z.optional(z.string()),
  memory: z.optional(z.string()),
  runtimePlatform: z.optional(z.unknown()),
  tags: z.optional(z.array(z.unknown())),
});

export interface TaskDefinition extends z.infer<typeof RegisterTaskDefinitionInput> {
  readonly taskDefinitionArn: string;
  readonly revision: number;
  readonly status: "ACTIVE";
  /** Epoch seconds. */
  readonly registeredAt: number;
}
