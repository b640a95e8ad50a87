import { randomUUID } from "node:crypto";
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateSecretCommand, UpdateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { createAwsEvent } from "../../../local/aws/events/aws-event.ts";
import { scheduledEvent } from "../../../local/aws/events/scheduled-event.ts";
import { rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { topicKey } from "../../../shared/contract/topics.ts";
import type { FunctionName, TestRun } from "./local-run.ts";
import { startTestService } from "./service.ts";
import { batchOf } from "./sqs-event.ts";
import { createTestStore, type TestStore } from "./store.ts";

/** Something that a function does, and the actions of its role without which it fails. */
export interface Scenario {
  readonly name: FunctionName;
  readonly what: string;
  readonly actions: readonly string[];
  /** Brings about what the function is told of; its mapping does not run. @returns the message's body */
  readonly message: (run: TestRun) => Promise<object>;
  /** What the function's log says without an action; that it is not authorized to perform it where nothing is given. */
  readonly refusal?: RegExp;
}

const rotationOf = (run: TestRun, secretArn: string) =>
  rotationSucceededEvent(run.place, secretArn, new Date());

export function rotationFailedOf(run: TestRun, secretArn: string): object {
  const { detail, ...event } = rotationOf(run, secretArn);
  return { ...event, detail: { ...detail, eventName: "RotationFailed" } };
}

function reportOf({ secretArn, firstVersionId: versionId }: TestStore): object {
  const who = { instanceId: randomUUID(), service: "orders-api" };
  const what = { outcome: "swapped", trigger: "notice", occurredAt: new Date().toISOString(), timings: {} };
  return { v: 1, secretArn, versionId, topicKey: topicKey(secretArn), ...who, ...what };
}

/** A secret of which RDS manages the password, so that RDS alone says where its database is. */
async function managedByRds(run: TestRun, tag: string, databaseArn: string): Promise<string> {
  const { ARN = "" } = await run.clients.secrets.send(
    new CreateSecretCommand({
      Name: `test/rds-${randomUUID()}`,
      SecretString: JSON.stringify({ username: "orders", password: "first-EXAMPLE" }),
      Tags: [{ Key: tag, Value: databaseArn }],
    }),
  );
  return ARN;
}

const databaseArn = (kind: "db" | "cluster") =>
  `arn:aws:rds:us-east-1:000000000000:${kind}:orders-${randomUUID().slice(0, 8)}`;

async function handle(run: TestRun, name: FunctionName, body: object): Promise<void> {
  const answer = await run.invoke(name, batchOf(run, name, [body]));
  if (JSON.stringify(answer) !== '{"batchItemFailures":[]}') throw new Error(`${name} failed on its part`);
}

/** An instance of a known secret that was last heard of long ago. */
async function fallSilent(run: TestRun): Promise<void> {
  const { secretArn, firstVersionId: versionId } = await createTestStore(run);
  await handle(run, "notify", rotationOf(run, secretArn));
  const [instanceId, heardAt] = [randomUUID(), new Date(Date.now() - 30 * 3_600_000).toISOString()];
  const key = { pk: `SECRET#${secretArn}`, sk: `INSTANCE#${instanceId}` };
  await putRow(run, { ...key, instanceId, service: "orders-api", versionId, heardAt });
}

/** A rotation of hours ago that a crash left without a row of its own. */
async function leaveUnfinished(run: TestRun): Promise<void> {
  const secretArn = `vault:kv/${randomUUID()}`;
  const currentSince = new Date(Date.now() - 3 * 3_600_000).toISOString();
  const row = { pk: "SECRETS", sk: secretArn, secretArn, versionId: "1", currentSince };
  await putRow(run, row);
}

async function putRow(run: TestRun, row: Readonly<Record<string, string>>): Promise<void> {
  const Item = Object.fromEntries(Object.entries(row).map(([name, S]) => [name, { S }]));
  await run.clients.dynamoDb.send(new PutItemCommand({ TableName: `keyturn-${run.stage}-ledger`, Item }));
}

async function putParameter(run: TestRun): Promise<string> {
  const ssm = new SSMClient(run.clientConfig);
  const Name = `/test/${randomUUID()}`;
  try {
    await ssm.send(new PutParameterCommand({ Name, Value: "first-EXAMPLE", Type: "SecureString" }));
    return Name;
  } finally {
    ssm.destroy();
  }
}

const ledgerUse = ["dynamodb:GetItem", "dynamodb:UpdateItem"];

/** Every action that a function's code uses. Those of Lambda itself, which polls and writes logs, are not among them. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "notify",
    what: "tells services of a rotation",
    actions: [
      "secretsmanager:DescribeSecret",
      ...ledgerUse,
      "iot:Publish",
      "iot:RetainPublish",
      "events:PutEvents",
    ],
    message: async (run) => rotationOf(run, (await createTestStore(run)).secretArn),
  },
  {
    name: "verify",
    what: "logs in with a new version",
    actions: [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      ...ledgerUse,
      "events:PutEvents",
    ],
    message: async (run) => rotationOf(run, (await createTestStore(run)).secretArn),
  },
  {
    name: "verify",
    what: "reads a secret that is under a key of the customer's own",
    actions: ["kms:Decrypt"],
    async message(run) {
      const { secretArn: SecretId } = await createTestStore(run);
      const KmsKeyId = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d";
      await run.clients.secrets.send(new UpdateSecretCommand({ SecretId, KmsKeyId }));
      return rotationOf(run, SecretId);
    },
  },
  {
    name: "verify",
    what: "asks RDS where the instance of a managed password is",
    actions: ["rds:DescribeDBInstances"],
    message: async (run) =>
      rotationOf(run, await managedByRds(run, "aws:rds:primaryDBInstanceArn", databaseArn("db"))),
    refusal: /RDS does not tell of the database \(AccessDenied/,
  },
  {
    name: "verify",
    what: "asks RDS where the cluster of a managed password is",
    actions: ["rds:DescribeDBClusters"],
    message: async (run) =>
      rotationOf(run, await managedByRds(run, "aws:rds:primaryDBClusterArn", databaseArn("cluster"))),
    refusal: /RDS does not tell of the database \(AccessDenied/,
  },
  {
    name: "verify",
    what: "moves AWSCURRENT back from a version that the store refuses",
    actions: ["secretsmanager:UpdateSecretVersionStage"],
    async message(run) {
      const store = await createTestStore(run);
      await store.rotate("password-never-set");
      return rotationOf(run, store.secretArn);
    },
  },
  {
    name: "acknowledge",
    what: "records a report",
    actions: [...ledgerUse, "events:PutEvents"],
    message: async (run) => reportOf(await createTestStore(run)),
  },
  {
    name: "redeploy",
    what: "redeploys a service that is behind",
    actions: [
      "secretsmanager:DescribeSecret",
      ...ledgerUse,
      "dynamodb:Query",
      "events:PutEvents",
      "ecs:ListServices",
      "ecs:DescribeServices",
      "ecs:DescribeTaskDefinition",
      "ecs:ListTasks",
      "ecs:DescribeTasks",
      "ecs:UpdateService",
    ],
    async message(run) {
      const store = await createTestStore(run);
      await startTestService(run, store);
      await store.rotate();
      await handle(run, "verify", rotationOf(run, store.secretArn));
      return rotationOf(run, store.secretArn);
    },
  },
  {
    name: "measure",
    what: "counts an event",
    actions: ["dynamodb:PutItem"],
    async message(run) {
      const { secretArn } = await createTestStore(run);
      const at = new Date().toISOString();
      const detail = {
        v: 1,
        secretArn,
        versionId: randomUUID(),
        currentSince: at,
        occurredAt: at,
        verifyMs: 5,
      };
      const verified = { source: run.eventSource, detailType: "CredentialVerified", detail };
      return createAwsEvent(run.place, verified, new Date());
    },
  },
  {
    name: "measure",
    what: "looks at the tags of a secret whose rotation failed",
    actions: ["secretsmanager:DescribeSecret"],
    message: async (run) => rotationFailedOf(run, (await createTestStore(run)).secretArn),
  },
  {
    name: "reconcile",
    what: "compares all with the ledger, tells of a silent instance, and feeds in what nobody finished",
    actions: [
      "secretsmanager:ListSecrets",
      ...ledgerUse,
      "dynamodb:Query",
      "dynamodb:PutItem",
      "events:PutEvents",
    ],
    async message(run) {
      await fallSilent(run);
      await leaveUnfinished(run);
      return scheduledEvent(run.place, `keyturn-${run.stage}-reconcile`, new Date());
    },
  },
  {
    name: "reconcile",
    what: "finds the secret of a database whose password was reset",
    actions: ["secretsmanager:DescribeSecret"],
    async message(run) {
      const SourceArn = databaseArn("db");
      await managedByRds(run, "aws:rds:primaryDBInstanceArn", SourceArn);
      const detail = { EventID: "RDS-EVENT-0016", SourceArn, SourceType: "DB_INSTANCE" };
      const reset = { source: "aws.rds", detailType: "RDS DB Instance Event", detail };
      return createAwsEvent(run.place, reset, new Date());
    },
  },
  {
    name: "reconcile",
    what: "finds the version of a parameter that was changed",
    actions: ["ssm:DescribeParameters"],
    async message(run) {
      const name = await putParameter(run);
      const resources = [`arn:aws:ssm:us-east-1:000000000000:parameter${name}`];
      const detail = { operation: "Create", name, type: "SecureString" };
      const changed = { source: "aws.ssm", detailType: "Parameter Store Change", resources, detail };
      return createAwsEvent(run.place, changed, new Date());
    },
  },
];
