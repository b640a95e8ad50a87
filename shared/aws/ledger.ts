import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { Report } from "../contract/report.ts";

export type Verdict = "accepted" | "rejected" | "unverifiable";

/** What is known of one version of a secret. */
export interface VersionRecord {
  readonly currentSince?: string;
  readonly noticedAt?: string;
  readonly verdict?: Verdict;
}

/** What is known of one instance and one secret. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly service: string;
  /** Version in use; absent where the instance has only ever rejected one. */
  readonly versionId?: string;
  readonly swappedAt?: string;
  readonly rejectedVersionId?: string;
  readonly rejectedAt?: string;
}

/** Who runs on what, and what was decided. Every write is conditional, so that a repeated or late message changes nothing. */
export interface Ledger {
  readVersion(secretArn: string, versionId: string): Promise<VersionRecord>;
  recordNotice(secretArn: string, versionId: string, currentSince: string, noticedAt: string): Promise<void>;
  /** The first verdict on a version stands. */
  recordVerdict(
    secretArn: string,
    versionId: string,
    verdict: Verdict,
    decidedAt: string,
    reason?: string,
  ): Promise<void>;
  readInstance(secretArn: string, instanceId: string): Promise<InstanceRecord | undefined>;
  listInstances(secretArn: string): Promise<InstanceRecord[]>;
  /** Keeps the report unless a newer one of the same outcome is there. */
  recordReport(report: Report): Promise<void>;
  /**
   * True for one caller a version and service; for another only where the first has not finished within the lease.
   * @param leaseMs how long a claim that was never finished keeps others out
   */
  claimRedeploy(
    secretArn: string,
    versionId: string,
    serviceArn: string,
    now: Date,
    leaseMs: number,
  ): Promise<boolean>;
  finishRedeploy(secretArn: string, versionId: string, serviceArn: string, now: Date): Promise<void>;
  /** True the first time that it is asked for this key. */
  claimMeasurement(secretArn: string, key: string, now: Date): Promise<boolean>;
}

const DAY_SECONDS = 86_400;
/** Rows that nobody touches any more go by DynamoDB's TTL; the audit trail is kept for 400 days. */
const KEEP_DAYS = 400;
const KEEP_MEASUREMENT_DAYS = 14;

type Item = Record<string, AttributeValue>;

const secretKey = (secretArn: string): AttributeValue => ({ S: `SECRET#${secretArn}` });
const versionKey = (secretArn: string, versionId: string): Item => ({
  pk: secretKey(secretArn),
  sk: { S: `VERSION#${versionId}` },
});
const instanceKey = (secretArn: string, instanceId: string): Item => ({
  pk: secretKey(secretArn),
  sk: { S: `INSTANCE#${instanceId}` },
});
const redeployKey = (secretArn: string, versionId: string, serviceArn: string): Item => ({
  pk: secretKey(secretArn),
  sk: { S: `REDEPLOY#${versionId}#${serviceArn}` },
});

const expiry = (from: Date, days: number): AttributeValue => ({
  N: String(Math.floor(from.getTime() / 1_000) + days * DAY_SECONDS),
});

/** Text attributes of an item, without its keys. */
function textOf(item: Item): Record<string, string> {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (value.S === undefined ? [] : [[name, value.S]])),
  );
}

/** @returns false where the condition did not hold */
async function unlessConditionFails(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

export function createLedger(client: DynamoDBClient, tableName: string): Ledger {
  const get = async (Key: Item) => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }),
    );
    return Item && textOf(Item);
  };

  /** Sets text attributes of one row, and renews its expiry. */
  const update = (Key: Item, values: Record<string, string>, at: Date, condition?: string) =>
    unlessConditionFails(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key,
          UpdateExpression: `SET ${[...Object.keys(values), "expiresAt"].map((name) => `#${name} = :${name}`).join(", ")}`,
          ExpressionAttributeNames: Object.fromEntries(
            [...Object.keys(values), "expiresAt"].map((name) => [`#${name}`, name]),
          ),
          ExpressionAttributeValues: {
            ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, { S: value }])),
            ":expiresAt": expiry(at, KEEP_DAYS),
          },
          ...(condition && { ConditionExpression: condition }),
        }),
      ),
    );

  return {
    async readVersion(secretArn, versionId) {
      return (await get(versionKey(secretArn, versionId))) ?? {};
    },

    async recordNotice(secretArn, versionId, currentSince, noticedAt) {
      await update(
        versionKey(secretArn, versionId),
        { currentSince, noticedAt },
        new Date(noticedAt),
        "attribute_not_exists(#noticedAt)",
      );
    },

    async recordVerdict(secretArn, versionId, verdict, decidedAt, reason) {
      await update(
        versionKey(secretArn, versionId),
        { verdict, decidedAt, ...(reason && { reason }) },
        new Date(decidedAt),
        "attribute_not_exists(#verdict)",
      );
    },

    async readInstance(secretArn, instanceId) {
      const item = await get(instanceKey(secretArn, instanceId));
      return item && toInstance(item);
    },

    async listInstances(secretArn) {
      const instances: InstanceRecord[] = [];
      const pages = paginateQuery(
        { client },
        {
          TableName: tableName,
          ConsistentRead: true,
          KeyConditionExpression: "pk = :pk and begins_with(sk, :instance)",
          ExpressionAttributeValues: { ":pk": secretKey(secretArn), ":instance": { S: "INSTANCE#" } },
        },
      );
      for await (const page of pages)
        instances.push(...(page.Items ?? []).map((item) => toInstance(textOf(item))));
      return instances;
    },

    async recordReport({ secretArn, instanceId, service, versionId, outcome, occurredAt }) {
      const at = outcome === "swapped" ? "swappedAt" : "rejectedAt";
      const version = outcome === "swapped" ? "versionId" : "rejectedVersionId";
      await update(
        instanceKey(secretArn, instanceId),
        // In one and the same form, ISO 8601 in UTC sorts as text.
        { instanceId, service, [version]: versionId, [at]: new Date(occurredAt).toISOString() },
        new Date(occurredAt),
        `attribute_not_exists(#${at}) OR #${at} < :${at}`,
      );
    },

    claimRedeploy(secretArn, versionId, serviceArn, now, leaseMs) {
      return unlessConditionFails(
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: {
              ...redeployKey(secretArn, versionId, serviceArn),
              claimedAt: { S: now.toISOString() },
              expiresAt: expiry(now, KEEP_DAYS),
            },
            ConditionExpression:
              "attribute_not_exists(pk) OR (attribute_not_exists(redeployedAt) AND claimedAt < :lapsed)",
            ExpressionAttributeValues: { ":lapsed": { S: new Date(now.getTime() - leaseMs).toISOString() } },
          }),
        ),
      );
    },

    async finishRedeploy(secretArn, versionId, serviceArn, now) {
      await update(redeployKey(secretArn, versionId, serviceArn), { redeployedAt: now.toISOString() }, now);
    },

    claimMeasurement(secretArn, key, now) {
      return unlessConditionFails(
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: {
              pk: secretKey(secretArn),
              sk: { S: `MEASURED#${key}` },
              expiresAt: expiry(now, KEEP_MEASUREMENT_DAYS),
            },
            ConditionExpression: "attribute_not_exists(pk)",
          }),
        ),
      );
    },
  };
}

function toInstance(item: Record<string, string>): InstanceRecord {
  const { instanceId = "", service = "", versionId, swappedAt, rejectedVersionId, rejectedAt } = item;
  return {
    instanceId,
    service,
    ...(versionId && { versionId }),
    ...(swappedAt && { swappedAt }),
    ...(rejectedVersionId && { rejectedVersionId }),
    ...(rejectedAt && { rejectedAt }),
  };
}
