import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { IoTDataPlaneClient } from "@aws-sdk/client-iot-data-plane";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";

/**
 * The one place where AWS clients are made. They take region, credentials and endpoint from the SDK's standard
 * environment alone (`AWS_REGION`, `AWS_ENDPOINT_URL`, …): that is why the same bundles run on AWS, in the local
 * run and against an emulator. One function each, so that a bundle carries only the clients that it uses. RDS's, which is
 * loaded on demand, is made in rds-questions.ts.
 */
export const clientSettings = {
  // A call that is never answered fails after about 5 seconds: all attempts together must fit into the shortest of the
  // functions' timeouts, 10 seconds, or the call takes the invocation, and with it the whole batch, down.
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500, throwOnRequestTimeout: true },
};

export const createDynamoDbClient = () => new DynamoDBClient(clientSettings);
/**
 * ECS's rates are the account's, and low: once it throttles, the client for reads slows down by itself. UpdateService takes
 * no token that would make a repeated call harmless, so that the client for writes calls once, and waits for long.
 */
export const createEcsClients = () => ({
  reads: new ECSClient({ ...clientSettings, retryMode: "adaptive" }),
  writes: new ECSClient({
    ...clientSettings,
    maxAttempts: 1,
    requestHandler: { ...clientSettings.requestHandler, requestTimeout: 10_000 },
  }),
});
export const createEventBridgeClient = () => new EventBridgeClient(clientSettings);
export const createIotDataClient = () => new IoTDataPlaneClient(clientSettings);
export const createSecretsManagerClient = () => new SecretsManagerClient(clientSettings);
export const createSsmClient = () => new SSMClient(clientSettings);
