import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { KeyturnError } from "../shared/contract/errors.ts";
import { validateResourcePolicy } from "./aws/access/resource-policy.ts";
import { measureFunction } from "./aws/metrics/function-metrics.ts";
import { createQueueMetrics } from "./aws/metrics/queue-metrics.ts";
import { type LocalCloud, queueUrl } from "./cloud.ts";
import { createEventSourceMapping, type EventSourceMapping } from "./lambda/event-source-mapping.ts";
import { createRolePermissions } from "./lambda/role-permissions.ts";
import { createFunctionRuntime, type FunctionRuntime } from "./lambda/runtime.ts";
import { createTopicRule } from "./stack/iot-topic-rule.ts";
import type { Stack } from "./stack/resources.ts";
import type { LocalBroker } from "./stores/broker.ts";

export interface CreateStackOptions {
  readonly stack: Stack;
  readonly cloud: LocalCloud;
  readonly broker: LocalBroker;
  readonly zipPath: (s3Key: string) => string;
  readonly log: (message: string) => void;
}

/** The template's resources at work. */
export interface RunningStack {
  /** By physical name. */
  readonly functions: ReadonlyMap<string, FunctionRuntime>;
  /** Physical names of all queues. */
  readonly queueNames: readonly string[];
  stop(): Promise<void>;
}

const METRIC_INTERVAL_MS = 1_000;

/** Creates what a template describes, in the order that its parts need each other. */
export async function createStack(options: CreateStackOptions): Promise<RunningStack> {
  const { stack, cloud } = options;
  const sqs = new SQSClient(cloud.operator);
  const functions = new Map<string, FunctionRuntime>();
  const mappings: EventSourceMapping[] = [];
  const clients = new Set<SQSClient>([sqs]);
  let watching: NodeJS.Timeout | undefined;
  const stop = async () => {
    clearInterval(watching);
    await Promise.all(mappings.map((mapping) => mapping.stop()));
    await Promise.all([...functions.values()].map((runtime) => runtime.stop()));
    for (const client of clients) client.destroy();
  };
  const sqsAs = (roleArn: string, name: string) => {
    const client = new SQSClient(cloud.asRole(roleArn, name));
    clients.add(client);
    return client;
  };

  try {
    for (const { ref, properties } of stack.managedPolicies) {
      await cloud.authorizer.putPolicy(ref, statementsOf(properties.PolicyDocument));
    }
    for (const { arn, properties } of stack.roles) {
      await cloud.authorizer.putRole(
        arn,
        (properties.Policies ?? []).flatMap(({ PolicyDocument }) => statementsOf(PolicyDocument)),
      );
    }
    await createQueues(options, sqs);
    await createTables(options);
    for (const { properties } of stack.rules) cloud.eventBridge.putRule(properties);
    for (const { properties } of stack.alarms) cloud.cloudWatch.putAlarm(properties);
    for (const resource of stack.functions) functions.set(resource.name, createFunction(options, resource));
    for (const { logicalId, properties } of stack.mappings) {
      if (properties.Enabled === false) continue;
      const target = stack.functions.find(({ name, arn }) => [name, arn].includes(properties.FunctionName));
      const runtime = target && functions.get(target.name);
      if (!target || !runtime)
        throw new KeyturnError(
          "STACK_INVALID",
          `${logicalId} is for an unknown function: ${properties.FunctionName}`,
        );
      permissionsOf(options, target).requirePolling(properties.EventSourceArn);
      mappings.push(
        createEventSourceMapping({
          queueUrl: queueUrl(cloud.url, properties.EventSourceArn),
          queueArn: properties.EventSourceArn,
          batchSize: properties.BatchSize ?? 10,
          ...(properties.MaximumBatchingWindowInSeconds && {
            maximumBatchingWindowSeconds: properties.MaximumBatchingWindowInSeconds,
          }),
          ...(properties.ScalingConfig && {
            maximumConcurrency: properties.ScalingConfig.MaximumConcurrency,
          }),
          reportBatchItemFailures:
            properties.FunctionResponseTypes?.includes("ReportBatchItemFailures") ?? false,
          // Lambda polls under the function's own role.
          sqs: sqsAs(target.properties.Role, target.name),
          invoke: (event) => runtime.invoke(event),
          log: options.log,
        }),
      );
    }
    connectTopicRules(options, sqsAs);
    for (const mapping of mappings) mapping.start();
    watching = watchQueues(options, sqs);
    return { functions, queueNames: stack.queues.map(({ name }) => name), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Dead-letter queues first: a redrive policy names a queue that is there. */
async function createQueues({ stack, cloud }: CreateStackOptions, sqs: SQSClient): Promise<void> {
  const deadLettersFirst = stack.queues.toSorted(
    (one, other) => Number(!!one.properties.RedrivePolicy) - Number(!!other.properties.RedrivePolicy),
  );
  for (const { properties } of deadLettersFirst) {
    const { QueueName, VisibilityTimeout, DelaySeconds, MessageRetentionPeriod, RedrivePolicy } = properties;
    const attributes = { VisibilityTimeout, DelaySeconds, MessageRetentionPeriod };
    await sqs.send(
      new CreateQueueCommand({
        QueueName,
        Attributes: {
          ...Object.fromEntries(
            Object.entries(attributes).flatMap(([name, value]) =>
              value === undefined ? [] : [[name, String(value)]],
            ),
          ),
          ...(RedrivePolicy && { RedrivePolicy: JSON.stringify(RedrivePolicy) }),
        },
      }),
    );
  }
  for (const { logicalId, properties } of stack.queuePolicies) {
    await validateResourcePolicy(logicalId, properties.PolicyDocument);
    for (const url of properties.Queues) {
      const queue = stack.queues.find(({ ref }) => ref === url);
      if (!queue) throw new KeyturnError("STACK_INVALID", `${logicalId} is for an unknown queue: ${url}`);
      if (cloud.queuePolicies.has(queue.arn)) {
        throw new KeyturnError(
          "STACK_INVALID",
          `${logicalId} would replace the policy that ${queue.logicalId} has already`,
        );
      }
      cloud.queuePolicies.set(queue.arn, properties.PolicyDocument);
    }
  }
}

async function createTables({ stack, cloud }: CreateStackOptions): Promise<void> {
  const dynamoDb = new DynamoDBClient(cloud.operator);
  try {
    for (const { properties } of stack.tables) {
      const { TableName, AttributeDefinitions, KeySchema, BillingMode } = properties;
      await dynamoDb.send(
        new CreateTableCommand({ TableName, AttributeDefinitions, KeySchema, BillingMode }),
      );
    }
  } finally {
    dynamoDb.destroy();
  }
}

function createFunction(options: CreateStackOptions, resource: Stack["functions"][number]): FunctionRuntime {
  const { cloud, zipPath } = options;
  const { name, properties } = resource;
  const { ReservedConcurrentExecutions: reservedConcurrency } = properties;
  const { mayLog } = permissionsOf(options, resource);
  const runtime = createFunctionRuntime({
    name,
    place: cloud.place,
    handler: properties.Handler,
    zipPath: zipPath(properties.Code.S3Key),
    environment: properties.Environment?.Variables ?? {},
    memoryMb: properties.MemorySize ?? 128,
    timeoutSeconds: properties.Timeout ?? 3,
    ...(reservedConcurrency && { maximumConcurrency: reservedConcurrency }),
    credentials: cloud.asRole(properties.Role, name).credentials,
    endpointUrl: cloud.url,
    onLog: (text) => {
      // Metrics come by way of the log.
      if (!mayLog()) return;
      if (!cloud.cloudWatch.ingestEmf(text)) cloud.events.emit("log", { group: `/aws/lambda/${name}`, text });
    },
  });
  return measureFunction(runtime, { cloudWatch: cloud.cloudWatch, name, reservedConcurrency });
}

const permissionsOf = ({ cloud }: CreateStackOptions, { name, properties }: Stack["functions"][number]) =>
  createRolePermissions(cloud.authorizer, cloud.place, { roleArn: properties.Role, name });

/** Everything that passes through the broker goes by the topic rules, and past whoever watches. */
function connectTopicRules(
  { stack, cloud, broker, log }: CreateStackOptions,
  sqsAs: (roleArn: string, name: string) => SQSClient,
): void {
  const rules = stack.topicRules.map(({ properties }) => {
    const clients = new Map<string, SQSClient>();
    return createTopicRule(properties, {
      sendMessage: async (url, body, roleArn) => {
        const client = clients.get(roleArn) ?? sqsAs(roleArn, properties.RuleName);
        clients.set(roleArn, client);
        await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
      },
      log,
    });
  });
  broker.onPublish((topic, payload) => {
    cloud.events.emit("published", { topic, payload: payload.toString() });
    for (const rule of rules) void rule(topic, payload);
  });
}

/** What SQS tells CloudWatch once a minute, as often as alarms are evaluated. */
function watchQueues({ stack, cloud }: CreateStackOptions, sqs: SQSClient): NodeJS.Timeout {
  const measure = createQueueMetrics({
    cloudWatch: cloud.cloudWatch,
    now: () => new Date(),
    oldestSentAt: cloud.oldestSentAt,
    async depth(queueName) {
      const queue = stack.queues.find(({ name }) => name === queueName);
      if (!queue) return undefined;
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: queue.ref,
          AttributeNames: ["ApproximateNumberOfMessages"],
        }),
      );
      return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
    },
  });
  let underWay = false;
  return setInterval(() => {
    if (underWay) return;
    underWay = true;
    // Only the end of the run can make it fail: the endpoint is gone then.
    void measure()
      .catch(() => undefined)
      .finally(() => {
        underWay = false;
      });
  }, METRIC_INTERVAL_MS);
}

function statementsOf(document: Readonly<Record<string, unknown>>): unknown[] {
  return [document.Statement].flat();
}
