import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { CreateClusterCommand, ECSClient } from "@aws-sdk/client-ecs";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import dynalite from "dynalite";
import { type Authorizer, createAuthorizer } from "./aws/access/authorizer.ts";
import { createDynamoDbAccess } from "./aws/access/dynamodb-access.ts";
import { type CloudWatch, createCloudWatch } from "./aws/cloudwatch.ts";
import { createEcs, type Ecs } from "./aws/ecs/ecs.ts";
import { parseSecretValueFrom, selectSecretValue } from "./aws/ecs/secret-value-from.ts";
import { createAwsEndpoint } from "./aws/endpoint.ts";
import { createEventBridge, type EventBridge } from "./aws/event-bridge.ts";
import type { AwsEvent } from "./aws/events/aws-event.ts";
import { createQueueDelivery } from "./aws/events/event-delivery.ts";
import { createParameterStore } from "./aws/parameter-store.ts";
import { createSecretsManager } from "./aws/secrets-manager.ts";
import type { AwsPlace } from "./aws/service.ts";
import { createSqsServer } from "./aws/sqs-server.ts";
import type { LocalBroker } from "./stores/broker.ts";

/** What can be watched from outside while the local run goes on. */
export interface CloudEvents {
  /** An event on EventBridge's default bus, of AWS or of Keyturn. */
  bus: [event: AwsEvent];
  /** AWSCURRENT moved; `at` is exact, where the event has whole seconds. */
  labelMoved: [move: { readonly secretArn: string; readonly versionId: string; readonly at: Date }];
  /** A message through the broker. */
  published: [message: { readonly topic: string; readonly payload: string }];
  alarm: [change: { readonly name: string; readonly state: string; readonly at: Date }];
  /** A line that a function (`/aws/lambda/NAME`) or a task (`/ecs/FAMILY`, its ARN as stream) wrote. */
  log: [line: { readonly group: string; readonly stream?: string; readonly text: string }];
}

/** What an SDK client needs to be somebody. */
export interface ClientConfig {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** As everywhere with the keys of a role. */
    readonly sessionToken?: string;
  };
}

/** AWS on this machine: the endpoint with its services, and who may call them. */
export interface LocalCloud {
  readonly place: AwsPlace;
  readonly url: string;
  readonly events: EventEmitter<CloudEvents>;
  readonly authorizer: Authorizer;
  readonly eventBridge: EventBridge;
  readonly cloudWatch: CloudWatch;
  readonly ecs: Ecs;
  /** Policy documents of queues, by ARN. */
  readonly queuePolicies: Map<string, unknown>;
  /** When the oldest message of a queue was sent; undefined where it is empty. */
  oldestSentAt(queueName: string): Promise<Date | undefined>;
  /** May do everything. */
  readonly operator: ClientConfig;
  /** Under the policies of a role; `name` is what a refusal calls the caller. */
  asRole(roleArn: string, name: string): ClientConfig;
  stop(): Promise<void>;
}

export interface LocalCloudOptions {
  readonly place: AwsPlace;
  readonly broker: LocalBroker;
  readonly port?: number;
  /** Whether the account has a CloudTrail trail. Default false. */
  readonly hasTrail?: boolean;
  readonly log: (message: string) => void;
}

export async function createLocalCloud({
  place,
  broker,
  port,
  hasTrail = false,
  log,
}: LocalCloudOptions): Promise<LocalCloud> {
  const now = () => new Date();
  const logFields = (message: string, fields: Readonly<Record<string, unknown>>) =>
    log(
      `${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? String(value) : value))}`,
    );
  const events = new EventEmitter<CloudEvents>();
  const authorizer = await createAuthorizer();
  const queuePolicies = new Map<string, unknown>();

  const cloudWatch = createCloudWatch({
    place,
    now,
    onAlarm: ({ alarm }) =>
      events.emit("alarm", { name: alarm.definition.name, state: alarm.state, at: alarm.stateUpdatedAt }),
  });
  const deliver = createQueueDelivery({
    place,
    queuePolicy: (queueArn) => queuePolicies.get(queueArn),
    sendMessage: async (queueArn, body, attributes) =>
      sqs.send(
        new SendMessageCommand({
          QueueUrl: queueUrl(endpoint.url, queueArn),
          MessageBody: body,
          MessageAttributes: Object.fromEntries(
            Object.entries(attributes).map(([name, StringValue]) => [
              name,
              { DataType: "String", StringValue },
            ]),
          ),
        }),
      ),
    onFailure: (RuleName) =>
      cloudWatch.putMetric(
        { namespace: "AWS/Events", name: "FailedInvocations", dimensions: { RuleName } },
        1,
      ),
    log: logFields,
  });
  const eventBridge = createEventBridge({
    place,
    now,
    deliver,
    onEvent: (event) => events.emit("bus", event),
    log: logFields,
  });
  const secretsManager = createSecretsManager({
    place,
    now,
    hasTrail,
    emit: (event, at) => {
      const { labelUpdated, versionId } = event.detail;
      if (labelUpdated === "AWSCURRENT") {
        events.emit("labelMoved", { secretArn: event.resources[0] ?? "", versionId: String(versionId), at });
      }
      void eventBridge.send(event);
    },
  });
  const parameterStore = createParameterStore({
    place,
    now,
    emit: (event) => void eventBridge.send(event),
  });
  const ecs = createEcs({
    place,
    now: () => Date.now(),
    log,
    emit: (event) => void eventBridge.send(event),
    onTaskLog: (task, text) =>
      events.emit("log", { group: `/ecs/${task.definition.family}`, stream: task.taskArn, text }),
    taskMetadataUri: (taskId) => `${endpoint.url}/task-metadata/${taskId}`,
    taskEnvironment: ({ definition, taskId }) => {
      const { taskRoleArn } = definition;
      return {
        AWS_REGION: place.region,
        AWS_ENDPOINT_URL: endpoint.url,
        ...(taskRoleArn && environmentOf(asRole(taskRoleArn, taskId))),
      };
    },
    resolveSecretValueFrom: async (valueFrom, executionRoleArn) => {
      const reference = parseSecretValueFrom(valueFrom);
      const client = new SecretsManagerClient(asRole(executionRoleArn, "ecs-agent"));
      try {
        const { SecretString = "" } = await client.send(
          new GetSecretValueCommand({
            SecretId: reference.secretId,
            VersionId: reference.versionId,
            VersionStage: reference.versionStage,
          }),
        );
        return selectSecretValue(reference, SecretString);
      } finally {
        client.destroy();
      }
    },
  });

  const sqsServer = await createSqsServer(place);
  const dynamoDbServer = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const endpoint = await createAwsEndpoint({
    place,
    authorizer,
    services: [
      secretsManager.service,
      parameterStore.service,
      eventBridge.service,
      cloudWatch.service,
      ecs.service,
    ],
    rawServices: [
      sqsServer.service,
      {
        targetPrefix: "DynamoDB_20120810",
        access: createDynamoDbAccess(place),
        handle: (request, response) => dynamoDbServer.emit("request", request, response),
      },
    ],
    publish: (topic, payload, options) => broker.publish(topic, payload, options),
    taskMetadata: (id) => ecs.taskMetadata(id),
    log: logFields,
    ...(port && { port }),
  });

  const credentialsOf = (name: string, roleArn?: string): ClientConfig => {
    const accessKeyId = `LOCAL${randomBytes(8).toString("hex").toUpperCase()}`;
    const caller = { accessKeyId, name, ...(roleArn && { roleArn }) };
    const credentials = {
      accessKeyId,
      secretAccessKey: randomBytes(30).toString("base64"),
      ...(roleArn && { sessionToken: randomBytes(60).toString("base64") }),
    };
    endpoint.registerCaller(caller);
    broker.registerCaller({
      ...credentials,
      authorize: (action, resource) =>
        authorizer.check(caller, [
          { action, resource: `arn:aws:iot:${place.region}:${place.accountId}:${resource}` },
        ]),
    });
    return { region: place.region, endpoint: endpoint.url, credentials };
  };
  const asRole = (roleArn: string, name: string) => credentialsOf(name, roleArn);
  const operator = credentialsOf("operator");
  const sqs = new SQSClient(operator);
  await createDefaultCluster(operator);

  return {
    place,
    url: endpoint.url,
    events,
    authorizer,
    eventBridge,
    cloudWatch,
    ecs,
    queuePolicies,
    oldestSentAt: sqsServer.oldestSentAt,
    operator,
    asRole,
    async stop() {
      await ecs.stop();
      sqs.destroy();
      await endpoint.close();
      await sqsServer.close();
    },
  };
}

/** An account in use has it. Without it, the deadline check of a run that has no services yet would fail. */
async function createDefaultCluster(operator: ClientConfig): Promise<void> {
  const ecs = new ECSClient(operator);
  await ecs.send(new CreateClusterCommand({ clusterName: "default" })).finally(() => ecs.destroy());
}

/** The SDK's standard environment for a client. */
export function environmentOf({ region, endpoint, credentials }: ClientConfig): Record<string, string> {
  return {
    AWS_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(credentials.sessionToken && { AWS_SESSION_TOKEN: credentials.sessionToken }),
  };
}

/** Queue URLs lead to the endpoint: an SDK client follows the host in the URL rather than its endpoint setting. */
export function queueUrl(endpointUrl: string, queueArn: string): string {
  const [, , , , accountId, name] = queueArn.split(":");
  return `${endpointUrl}/${accountId}/${name}`;
}
