import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../../shared/aws/event-bus.ts";
import { createLedgerTable } from "../../../shared/aws/ledger/ledger-table.ts";
import type { Ledger } from "../../../shared/aws/ledger.ts";
import type { Place } from "../place/place.ts";
import { type Account, createAccount } from "./account.ts";
import { type AdoptionDeadline, createAdoptionDeadline } from "./adoption-deadline.ts";
import { type Alarms, createAlarms } from "./alarms.ts";
import { type Channel, createChannel } from "./channel.ts";
import { findChannelUrl, signChannelUrl } from "./channel-url.ts";
import { createDeadLetters, type DeadLetters } from "./dead-letters.ts";
import { createEventRules, type EventRules } from "./event-rules.ts";
import { createProbeEvent, type ProbeEvent } from "./probe-event.ts";
import { createRunningTasks, type RunningTasks } from "./running-tasks.ts";
import { createSecretDirectory, type SecretDirectory } from "./secrets.ts";
import { createTopics, type Topics } from "./topics.ts";

/** Everything that commands ask of a stage. */
export interface Connection {
  readonly ledger: Pick<Ledger, "readSecret" | "listSecrets" | "readHistory">;
  readonly secrets: SecretDirectory;
  readonly tasks: RunningTasks;
  readonly deadline: AdoptionDeadline;
  readonly deadLetters: DeadLetters;
  readonly rules: EventRules;
  readonly alarms: Alarms;
  readonly probe: ProbeEvent;
  /** Absent on the local run. */
  readonly account?: Account;
  /** Absent on the local run. */
  readonly topics?: Topics;
  /** @param url of the broker; the place's own, else the account's, where it is not given */
  channel(url?: string): Channel;
  close(): void;
}

/** An operator waits for less than a function: a call that is not answered fails after about 15 seconds. */
const PATIENCE = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};

/** CloudFormation looks at the resource itself before it answers what has become of it. */
const LONG_PATIENCE = { ...PATIENCE, requestHandler: { ...PATIENCE.requestHandler, requestTimeout: 30_000 } };

/** Makes the clients; nothing is called yet. */
export function connect({ client: settings, names, isLocal, channelUrl }: Place): Connection {
  const config = { ...settings, ...PATIENCE };
  const clients = {
    cloudFormation: new CloudFormationClient({ ...config, ...LONG_PATIENCE }),
    cloudWatch: new CloudWatchClient(config),
    dynamoDb: new DynamoDBClient(config),
    ecs: new ECSClient(config),
    eventBridge: new EventBridgeClient(config),
    lambda: new LambdaClient(config),
    secrets: new SecretsManagerClient(config),
    sns: new SNSClient(config),
    sqs: new SQSClient(config),
    sts: new STSClient(config),
  };
  const { ledgerTable, eventSource } = names;
  const signer = async () => ({
    region: await clients.secrets.config.region(),
    keys: await clients.secrets.config.credentials(),
  });

  const account = isLocal ? undefined : createAccount(clients);
  let ownAccountId: Promise<string | undefined> | undefined;
  const askOwnAccountId = () => {
    ownAccountId ??= account?.caller().then((arn) => arn.split(":")[4]) ?? Promise.resolve(undefined);
    return ownAccountId;
  };

  return {
    ledger: createLedger(clients.dynamoDb, ledgerTable),
    secrets: createSecretDirectory(clients.secrets),
    tasks: createRunningTasks(clients.ecs, askOwnAccountId),
    deadline: createAdoptionDeadline(clients.sqs, names),
    deadLetters: createDeadLetters(clients.sqs, names, !isLocal),
    rules: createEventRules(clients.eventBridge),
    alarms: createAlarms(clients.cloudWatch),
    probe: createProbeEvent(
      createEventBus(clients.eventBridge, eventSource),
      createLedgerTable(clients.dynamoDb, ledgerTable, () => new Date()),
    ),
    ...(account && { account, topics: createTopics(clients.sns) }),
    channel: (url) =>
      createChannel(async () => {
        const signing = await signer();
        const broker = url ?? channelUrl ?? (await findChannelUrl(signing));
        return /^wss?:/.test(broker) ? signChannelUrl(broker, signing) : broker;
      }),
    close() {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
