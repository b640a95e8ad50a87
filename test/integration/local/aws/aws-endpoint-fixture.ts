import dynalite from "dynalite";
import { vi } from "vitest";
import { type Authorizer, createAuthorizer } from "../../../../local/aws/access/authorizer.ts";
import { createDynamoDbAccess } from "../../../../local/aws/access/dynamodb-access.ts";
import { createCloudWatch } from "../../../../local/aws/cloudwatch.ts";
import { type AwsEndpoint, type AwsEndpointDeps, createAwsEndpoint } from "../../../../local/aws/endpoint.ts";
import {
  createEventBridge,
  type EventBridge,
  type EventDelivery,
} from "../../../../local/aws/event-bridge.ts";
import type { AlarmTransition } from "../../../../local/aws/metrics/alarms.ts";
import { createSecretsManager } from "../../../../local/aws/secrets-manager.ts";
import type { AwsJsonService } from "../../../../local/aws/service.ts";
import { createSqsServer } from "../../../../local/aws/sqs-server.ts";

export const place = { accountId: "000000000000", region: "us-east-1" };
export const roleArn = "arn:aws:iam::000000000000:role/keyturn-dev-notify";

/** The endpoint with every service behind it, as the local run composes it. */
export interface AwsEndpointFixture {
  readonly endpoint: AwsEndpoint;
  readonly authorizer: Authorizer;
  readonly eventBridge: EventBridge;
  readonly delivered: readonly EventDelivery[];
  readonly transitions: readonly AlarmTransition[];
  readonly publish: ReturnType<typeof vi.fn<AwsEndpointDeps["publish"]>>;
  readonly log: ReturnType<typeof vi.fn<AwsEndpointDeps["log"]>>;
  /** What a client needs to call as the operator. */
  readonly operator: ClientConfig;
  /** What a client needs to call under the role. */
  readonly underRole: ClientConfig;
  close(): Promise<void>;
}

export interface ClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly maxAttempts: number;
}

export async function startAwsEndpoint(
  extraServices: readonly AwsJsonService[] = [],
): Promise<AwsEndpointFixture> {
  const now = () => new Date();
  const authorizer = await createAuthorizer();
  const delivered: EventDelivery[] = [];
  const transitions: AlarmTransition[] = [];
  const publish = vi.fn<AwsEndpointDeps["publish"]>(async () => {});
  const log = vi.fn<AwsEndpointDeps["log"]>();
  const eventBridge = createEventBridge({
    place,
    now,
    log,
    deliver: async (delivery) => void delivered.push(delivery),
  });
  const secretsManager = createSecretsManager({ place, now, emit: (event) => void eventBridge.send(event) });
  const cloudWatch = createCloudWatch({ place, now, onAlarm: (transition) => transitions.push(transition) });
  const sqsServer = await createSqsServer(place);
  const tables = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });

  const endpoint = await createAwsEndpoint({
    place,
    authorizer,
    services: [secretsManager.service, eventBridge.service, cloudWatch.service, ...extraServices],
    rawServices: [
      sqsServer.service,
      {
        targetPrefix: "DynamoDB_20120810",
        access: createDynamoDbAccess(place),
        handle: (request, response) => void tables.emit("request", request, response),
      },
    ],
    publish,
    taskMetadata: (id) => (id === "task-1" ? { Family: "orders-api" } : undefined),
    log,
  });
  endpoint.registerCaller({ accessKeyId: "AKIAOPERATOR", name: "operator" });
  endpoint.registerCaller({ accessKeyId: "AKIANOTIFY", name: "keyturn-dev-notify", roleArn });

  const clientConfig = (accessKeyId: string): ClientConfig => ({
    endpoint: endpoint.url,
    region: place.region,
    credentials: { accessKeyId, secretAccessKey: "fake" },
    maxAttempts: 1,
  });

  return {
    endpoint,
    authorizer,
    eventBridge,
    delivered,
    transitions,
    publish,
    log,
    operator: clientConfig("AKIAOPERATOR"),
    underRole: clientConfig("AKIANOTIFY"),
    async close() {
      await endpoint.close();
      await sqsServer.close();
    },
  };
}
