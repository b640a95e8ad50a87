import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";

/** Text attributes of a row, keys included. */
export type Row = Readonly<Record<string, string>>;

/** Partition and sort key. */
export interface RowKey {
  readonly pk: string;
  readonly sk: string;
}

export interface Change {
  readonly set?: Row;
  /** Set only where the row does not have them yet. */
  readonly keep?: Row;
  readonly remove?: readonly string[];
  /** Days from now after which DynamoDB may delete the row. */
  readonly keepDays: number;
  /** Over `#name` of attributes, and `:name` of what is set or kept, or in `values`. */
  readonly condition?: string;
  readonly values?: Row;
}

/** Rows of a partition whose sort key begins with a prefix, or does not sort before a text. */
export type RowRange = { readonly prefix: string } | { readonly after: string };

export interface LedgerTable {
  /** Consistent. */
  get(key: RowKey): Promise<Row | undefined>;
  /** @returns the row as it is then, or undefined where the condition did not hold */
  update(key: RowKey, change: Change): Promise<Row | undefined>;
  /** Puts a row of a claimant's own. @returns false where it is another's */
  claim(key: RowKey, claimant: string, keepDays: number): Promise<boolean>;
  /** Consistent, in the order of the sort key. */
  query(pk: string, from?: RowRange): AsyncIterable<Row>;
  /** All that {@link query} gives. */
  list(pk: string, from?: RowRange): Promise<Row[]>;
}

const DAY_SECONDS = 86_400;

/** @returns undefined where the condition did not hold */
async function unlessConditionFails<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}

/** Rows of text in one DynamoDB table. */
export function createLedgerTable(client: DynamoDBClient, TableName: string, now: () => Date): LedgerTable {
  const expiryIn = (days: number): AttributeValue => ({
    N: String(Math.floor(now().getTime() / 1_000) + days * DAY_SECONDS),
  });
  async function* rows(pk: string, from?: RowRange): AsyncGenerator<Row> {
    const range = rangeOf(from);
    const query = {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: `pk = :pk${range.condition}`,
      ExpressionAttributeValues: { ":pk": { S: pk }, ...range.values },
    };
    for await (const page of paginateQuery({ client }, query)) yield* (page.Items ?? []).map(rowOf);
  }

  return {
    async get({ pk, sk }) {
      const Key = { pk: { S: pk }, sk: { S: sk } };
      const { Item } = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
      return Item && rowOf(Item);
    },

    async update({ pk, sk }, { set = {}, keep = {}, remove = [], keepDays, condition, values = {} }) {
      const sets = [
        ...Object.keys(set).map((name) => `${nameOf(name)} = ${textOf(name)}`),
        ...Object.keys(keep).map(
          (name) => `${nameOf(name)} = if_not_exists(${nameOf(name)}, ${textOf(name)})`,
        ),
        "#expiresAt = :expiresAt",
      ];
      const removes = remove.length > 0 ? ` REMOVE ${remove.map(nameOf).join(", ")}` : "";
      const UpdateExpression = `SET ${sets.join(", ")}${removes}`;
      const texts = Object.entries({ ...set, ...keep, ...values });
      const written = new Map(
        [...Object.keys(set), ...Object.keys(keep)].map((name) => [nameOf(name), name]),
      );
      // Each name by its placeholder, since some are words of DynamoDB's; one that no expression uses would be refused.
      const used = `${UpdateExpression} ${condition ?? ""}`.matchAll(/#\w+/g);
      const update = new UpdateItemCommand({
        TableName,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression,
        ExpressionAttributeNames: Object.fromEntries(
          [...used].map(([placeholder]) => [placeholder, written.get(placeholder) ?? placeholder.slice(1)]),
        ),
        ExpressionAttributeValues: {
          ...Object.fromEntries(texts.map(([name, S]) => [textOf(name), { S }])),
          ":expiresAt": expiryIn(keepDays),
        },
        ReturnValues: "ALL_NEW",
        ...(condition && { ConditionExpression: condition }),
      });
      const answer = await unlessConditionFails(client.send(update));
      return answer?.Attributes && rowOf(answer.Attributes);
    },

    async claim({ pk, sk }, claimant, keepDays) {
      const put = new PutItemCommand({
        TableName,
        Item: { pk: { S: pk }, sk: { S: sk }, claimedBy: { S: claimant }, expiresAt: expiryIn(keepDays) },
        ConditionExpression: "attribute_not_exists(pk) OR claimedBy = :me",
        ExpressionAttributeValues: { ":me": { S: claimant } },
      });
      return (await unlessConditionFails(client.send(put))) !== undefined;
    },

    query: rows,

    async list(pk, from) {
      const all: Row[] = [];
      for await (const row of rows(pk, from)) all.push(row);
      return all;
    },
  };
}

const nameOf = (attribute: string) => `#${attribute.replaceAll(/\W/g, "_")}`;
const textOf = (attribute: string) => `:${attribute.replaceAll(/\W/g, "_")}`;

function rangeOf(from: RowRange | undefined) {
  if (!from) return { condition: "", values: {} };
  return "prefix" in from
    ? { condition: " and begins_with(sk, :from)", values: { ":from": { S: from.prefix } } }
    : { condition: " and sk >= :from", values: { ":from": { S: from.after } } };
}

function rowOf(item: Record<string, AttributeValue>): Row {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (value.S === undefined ? [] : [[name, value.S]])),
  );
}
