import { TemplateError } from "./template-error.ts";

/** What the SQL of an IoT rule does with the messages on its topics. */
export interface TopicSql {
  readonly filter: string;
  /** Levels of the topic that are added to the message, counted from 1, by the name under which they are. */
  readonly added: ReadonlyMap<string, number>;
  /** Fields that a message must not have. */
  readonly undefinedFields: readonly string[];
}

const STATEMENT =
  /^\s*SELECT\s+\*(?<items>(?:\s*,\s*topic\([1-9]\)\s+AS\s+\w+)*)\s+FROM\s+'(?<filter>[^']+)'(?:\s+WHERE\s+(?<where>isUndefined\(\w+\)(?:\s+AND\s+isUndefined\(\w+\))*))?\s*$/i;
const ITEM = /topic\((?<level>\d)\)\s+AS\s+(?<name>\w+)/gi;
const UNDEFINED = /isUndefined\((?<name>\w+)\)/gi;

/**
 * Reads `SELECT *, topic(n) AS name FROM 'topic/filter' WHERE isUndefined(name)`; everything after `*` and the filter may be
 * absent. https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
 *
 * @throws TemplateError for any other SQL: half of a statement must not pass for the whole
 */
export function parseTopicSql(ruleName: string, sql: string): TopicSql {
  const { items = "", filter = "", where = "" } = STATEMENT.exec(sql)?.groups ?? {};
  if (!isTopicFilter(filter)) {
    throw new TemplateError(
      `IoT rule ${ruleName}`,
      `the local run reads SELECT * FROM 'topic/filter', topic(n) AS name and WHERE isUndefined(name) only, not: ${sql}`,
    );
  }
  return {
    filter,
    added: new Map(
      [...items.matchAll(ITEM)].map(({ groups }) => [groups?.name ?? "", Number(groups?.level)]),
    ),
    undefinedFields: [...where.matchAll(UNDEFINED)].map(({ groups }) => groups?.name ?? ""),
  };
}

/**
 * What the statement makes of one message.
 *
 * @returns undefined for a message that is not selected; an error for one that the statement cannot be applied to: only
 * `SELECT *` alone takes what is no JSON, https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
 */
export function select(
  { added, undefinedFields }: TopicSql,
  topic: string,
  message: Buffer,
): Buffer | Error | undefined {
  if (added.size === 0 && undefinedFields.length === 0) return message;
  const fields = parseObject(message);
  if (!fields) return new Error("The message is no JSON object, and the rule's SQL asks for its fields");
  if (undefinedFields.some((name) => Object.hasOwn(fields, name))) return undefined;
  const levels = topic.split("/");
  const extra = [...added].flatMap(([name, level]) => {
    const value = levels[level - 1];
    return value === undefined ? [] : [[name, value]];
  });
  return Buffer.from(JSON.stringify({ ...fields, ...Object.fromEntries(extra) }));
}

function parseObject(message: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(message.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTopicFilter(filter: string): boolean {
  const levels = filter.split("/");
  return (
    filter !== "" &&
    levels.every((level, index) =>
      level.includes("#")
        ? level === "#" && index === levels.length - 1
        : !level.includes("+") || level === "+",
    )
  );
}
