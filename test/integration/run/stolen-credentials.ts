import { randomUUID } from "node:crypto";
import { RegisterTaskDefinitionCommand, RunTaskCommand } from "@aws-sdk/client-ecs";
import { connectAsync, type MqttClient } from "mqtt";
import { signChannelUrl } from "../../../cli/src/aws/channel-url.ts";
import type { ClientConfig } from "../../../local/cloud.ts";
import { CLUSTER } from "../../../local/demo/services.ts";
import { eventually, type TestRun } from "./local-run.ts";

const SAY_KEYS = `console.log(JSON.stringify({
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN,
})); setInterval(() => {}, 60_000);`;

/** What somebody has who got hold of a service's keys. */
export interface StolenCredentials {
  readonly clientConfig: ClientConfig;
  /** Signs in to the broker, as the service would. */
  connect(): Promise<MqttClient>;
}

/**
 * Runs a task with its own secret alone, which gives its keys away.
 *
 * @param channel what it may do on the channel; what the stack's subscriber policy allows, unless given
 */
export async function stealCredentials(
  run: TestRun,
  secretArn: string,
  channel?: readonly object[],
): Promise<StolenCredentials> {
  const { SubscriberPolicyArn = "" } = run.outputs;
  const family = `careless-${randomUUID().slice(0, 8)}`;
  const ownSecret = { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: secretArn };
  const statements = [ownSecret, ...(channel ?? [])];
  const taskRoleArn = await run.createRole(family, statements, channel ? [] : [SubscriberPolicyArn]);
  await run.clients.ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      taskRoleArn,
      containerDefinitions: [{ name: family, image: family, command: ["node", "--eval", SAY_KEYS] }],
    }),
  );
  await run.clients.ecs.send(new RunTaskCommand({ cluster: CLUSTER, taskDefinition: family }));
  const said = await eventually(() => {
    const [line] = run.seen.taskLines(family);
    if (line === undefined) throw new Error(`${family} has not said its keys`);
    return line;
  });
  const credentials = JSON.parse(said);
  const { region } = run.place;
  return {
    clientConfig: { region, endpoint: run.awsEndpoint, credentials },
    async connect() {
      const url = await signChannelUrl(run.channelUrl, { region, keys: credentials });
      return connectAsync(url, { clientId: `keyturn-${randomUUID().slice(0, 12)}`, reconnectPeriod: 0 });
    },
  };
}
