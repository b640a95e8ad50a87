import { randomUUID } from "node:crypto";
import {
  type ContainerDefinition,
  CreateServiceCommand,
  type CreateServiceCommandInput,
  type Deployment,
  DescribeServicesCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { CLUSTER, isSteady } from "../../../local/demo/services.ts";
import { eventually, type TestRun } from "./local-run.ts";
import type { TestStore } from "./store.ts";

/** A service of one task, which cannot follow a rotation: it says with which user it started, and stays. */
export interface TestService {
  readonly name: string;
  /** The users that its tasks were given, in the order of their starts. */
  startedAs(): readonly string[];
  taskArns(): Promise<readonly string[]>;
  deployments(): Promise<readonly Deployment[]>;
  /** Waits until one deployment is there and has finished. */
  steady(): Promise<void>;
}

const SAY_USER = "console.log(process.env.DB_USER); setInterval(() => {}, 60_000);";

/** What differs from a service that injects the user of one secret. */
export interface TestServiceShape {
  readonly container?: Partial<ContainerDefinition>;
  readonly service?: Partial<CreateServiceCommandInput>;
  /** ARNs of the secrets that it may be given. */
  readonly secretArns?: readonly string[];
}

/** Starts the service; resolves when its task runs and has said its user. */
export async function startTestService(
  run: TestRun,
  { secretArn }: Pick<TestStore, "secretArn">,
  { container, service: rest, secretArns = [secretArn] }: TestServiceShape = {},
): Promise<TestService> {
  const { ecs } = run.clients;
  const name = `legacy-${randomUUID().slice(0, 8)}`;
  const executionRoleArn = await run.createRole(`${name}-execution`, [
    { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: secretArns },
  ]);
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: name,
      executionRoleArn,
      containerDefinitions: [
        {
          name,
          image: name,
          command: ["node", "--eval", SAY_USER],
          secrets: [{ name: "DB_USER", valueFrom: `${secretArn}:username::` }],
          ...container,
        },
      ],
    }),
  );
  await ecs.send(
    new CreateServiceCommand({
      cluster: CLUSTER,
      serviceName: name,
      taskDefinition: name,
      desiredCount: 1,
      ...rest,
    }),
  );
  const service: TestService = {
    name,
    startedAs: () => run.seen.taskLines(name),
    async taskArns() {
      const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster: CLUSTER, serviceName: name }));
      return taskArns;
    },
    async deployments() {
      const answer = await ecs.send(new DescribeServicesCommand({ cluster: CLUSTER, services: [name] }));
      return answer.services?.[0]?.deployments ?? [];
    },
    steady: () =>
      eventually(async () => {
        if (!(await isSteady(ecs, [name]))) throw new Error(`${name} is not steady`);
      }),
  };
  await service.steady();
  await eventually(() => {
    if (service.startedAs().length === 0) throw new Error(`${name} has not said its user`);
  });
  return service;
}
