import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { DependencyError } from "../contract/errors.ts";
import type { InstanceRecord, Ledger, RotationRecord, Verdict } from "./ledger.ts";

type Item = Record<string, AttributeValue>;
type Texts = Record<string, string>;

const DAY_SECONDS = 86_400;
/** Rows that nobody touches any more go by DynamoDB's TTL; the audit trail is kept for 400 days. */
const KEEP_DAYS = 400;
const KEEP_MEASUREMENT_DAYS = 14;
/** Two native events of one move differ by no more than what refines the event's whole second. */
const SAME_MOVE_MS = 1_000;

const key = (secretArn: string, ...rest: readonly string[]): Item => ({
  pk: { S: `SECRET#${secretArn}` },
  sk: { S: rest.join("#") },
});
const decisionKey = ({ secretArn, versionId, currentSince }: RotationRecord, serviceArn: string) =>
  key(secretArn, "DECISION", versionId, currentSince, serviceArn);

const expiry = (from: Date, days: number): AttributeValue => ({
  N: String(Math.floor(from.getTime() / 1_000) + days * DAY_SECONDS),
});

/** The ledger in one DynamoDB table, keyed by secret. */
export function createLedger(client: DynamoDBClient, TableName: string): Ledger {
  const get = async (Key: Item): Promise<Texts | undefined> => {
    const { Item } = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    return Item && textsOf(Item);
  };

  /** Sets text attributes of a row and renews its expiry. @returns the row, or undefined where the condition did not hold */
  const update = async (Key: Item, change: Change): Promise<Texts | undefined> => {
    const sets = [...Object.keys(change.set), "expiresAt"].map((name) => `#${name} = :${name}`).join(", ");
    const removes = change.remove ? ` REMOVE ${change.remove.map((name) => `#${name}`).join(", ")}` : "";
    const texts = Object.entries({ ...change.set, ...change.values }).map(([name, S]) => [`:${name}`, { S }]);
    const update = {
      TableName,
      Key,
      UpdateExpression: `SET ${sets}${removes}`,
      ExpressionAttributeValues: { ...Object.fromEntries(texts), ":expiresAt": expiry(change.at, KEEP_DAYS) },
      ReturnValues: "ALL_NEW" as const,
      ...(change.condition && { ConditionExpression: change.condition }),
    };
    // Each name by its placeholder, since some are words of DynamoDB's; one that no expression uses would be refused.
    const used = `${update.UpdateExpression} ${change.condition ?? ""}`.matchAll(/#(\w+)/g);
    const ExpressionAttributeNames = Object.fromEntries(
      [...used].map(([placeholder, name]) => [placeholder, name ?? ""]),
    );
    const answer = await unlessConditionFails(
      client.send(new UpdateItemCommand({ ...update, ExpressionAttributeNames })),
    );
    return answer?.Attributes && textsOf(answer.Attributes);
  };

  return {
    async openRotation({ secretArn, versionId, currentSince, detectedBy }) {
      const row = key(secretArn, "VERSION", versionId);
      const isNewer = " OR #currentSince < :before";
      const before = new Date(currentSince.getTime() - SAME_MOVE_MS).toISOString();
      // CloudTrail tells of a move that has been told already, and its time is not the move's.
      const isMove = detectedBy === "label-updated";
      const record =
        (await update(row, {
          set: { currentSince: currentSince.toISOString() },
          remove: ["noticedAt", "verdict", "decidedAt", "reason"],
          at: currentSince,
          condition: `attribute_not_exists(#currentSince)${isMove ? isNewer : ""}`,
          values: isMove ? { before } : {},
        })) ?? (await get(row));
      if (!record?.currentSince) {
        throw new DependencyError("The ledger lost the row of a rotation", {
          details: { secretArn, versionId },
        });
      }
      return toRotation(secretArn, versionId, record.currentSince, record);
    },

    async readCurrentSince(secretArn, versionId) {
      return (await get(key(secretArn, "VERSION", versionId)))?.currentSince;
    },

    async recordNotice(rotation, noticedAt) {
      await update(key(rotation.secretArn, "VERSION", rotation.versionId), {
        set: { noticedAt: noticedAt.toISOString() },
        at: noticedAt,
        condition: "attribute_not_exists(#noticedAt) AND #currentSince = :currentSince",
        values: { currentSince: rotation.currentSince },
      });
    },

    async recordVerdict(rotation, verdict, decidedAt, reason) {
      await update(key(rotation.secretArn, "VERSION", rotation.versionId), {
        set: { verdict, decidedAt: decidedAt.toISOString(), ...(reason && { reason }) },
        at: decidedAt,
        condition: "attribute_not_exists(#verdict) AND #currentSince = :currentSince",
        values: { currentSince: rotation.currentSince },
      });
    },

    async readInstance(secretArn, instanceId) {
      const item = await get(key(secretArn, "INSTANCE", instanceId));
      return item && toInstance(item);
    },

    async listInstances(secretArn) {
      const instances: InstanceRecord[] = [];
      const query = {
        TableName,
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk and begins_with(sk, :sk)",
        ExpressionAttributeValues: { ":pk": { S: `SECRET#${secretArn}` }, ":sk": { S: "INSTANCE#" } },
      };
      for await (const page of paginateQuery({ client }, query)) {
        instances.push(...(page.Items ?? []).map((item) => toInstance(textsOf(item))));
      }
      return instances;
    },

    async recordReport({ secretArn, instanceId, service, versionId, outcome, occurredAt }) {
      const at = outcome === "swapped" ? "swappedAt" : "rejectedAt";
      const version = outcome === "swapped" ? "versionId" : "rejectedVersionId";
      await update(key(secretArn, "INSTANCE", instanceId), {
        // In one and the same form, ISO 8601 in UTC sorts as text.
        set: { instanceId, service, [version]: versionId, [at]: new Date(occurredAt).toISOString() },
        at: new Date(occurredAt),
        condition: `attribute_not_exists(#${at}) OR #${at} < :${at}`,
      });
    },

    async claimDecision(rotation, serviceArn, decision, claimant, now, leaseMs) {
      const answer = await unlessConditionFails(
        client.send(
          new UpdateItemCommand({
            TableName,
            Key: decisionKey(rotation, serviceArn),
            UpdateExpression:
              "SET claimedBy = :me, claimedAt = :now, expiresAt = :expiresAt, intent = if_not_exists(intent, :intent)",
            // Its own claim counts too: the SDK repeats a request whose answer was lost, and SQS a message after a crash.
            ConditionExpression:
              "attribute_not_exists(pk) OR (attribute_not_exists(decision) AND (claimedBy = :me OR claimedAt < :lapsed))",
            ExpressionAttributeValues: {
              ":me": { S: claimant },
              ":now": { S: now.toISOString() },
              ":lapsed": { S: new Date(now.getTime() - leaseMs).toISOString() },
              ":expiresAt": expiry(now, KEEP_DAYS),
              ":intent": { S: decision },
            },
            ReturnValues: "ALL_NEW",
          }),
        ),
      );
      return answer?.Attributes && textsOf(answer.Attributes).intent;
    },

    async finishDecision(rotation, serviceArn, decision, now) {
      await update(decisionKey(rotation, serviceArn), {
        set: { decision, decidedAt: now.toISOString() },
        at: now,
      });
    },

    async claimMeasurement(secretArn, measurement, claimant, now) {
      const put = new PutItemCommand({
        TableName,
        Item: {
          ...key(secretArn, "MEASURED", measurement),
          claimedBy: { S: claimant },
          expiresAt: expiry(now, KEEP_MEASUREMENT_DAYS),
        },
        ConditionExpression: "attribute_not_exists(pk) OR claimedBy = :me",
        ExpressionAttributeValues: { ":me": { S: claimant } },
      });
      return (await unlessConditionFails(client.send(put))) !== undefined;
    },
  };
}

interface Change {
  readonly set: Texts;
  readonly remove?: readonly string[];
  /** Counts the row's expiry. */
  readonly at: Date;
  /** Over `#name` of attributes, and `:name` of what is set or in `values`. */
  readonly condition?: string;
  readonly values?: Texts;
}

/** @returns undefined where the condition did not hold */
async function unlessConditionFails<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}

/** Text attributes of an item. */
function textsOf(item: Item): Texts {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (value.S === undefined ? [] : [[name, value.S]])),
  );
}

function toRotation(secretArn: string, versionId: string, currentSince: string, item: Texts): RotationRecord {
  const { noticedAt, verdict } = item;
  return {
    secretArn,
    versionId,
    currentSince,
    ...(noticedAt && { noticedAt }),
    ...(isVerdict(verdict) && { verdict }),
  };
}

function isVerdict(text: string | undefined): text is Verdict {
  return text === "accepted" || text === "rejected" || text === "unverifiable";
}

function toInstance(item: Texts): InstanceRecord {
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
