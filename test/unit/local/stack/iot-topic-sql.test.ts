import { expect, test } from "vitest";
import { parseTopicSql, select } from "../../../../local/stack/iot-topic-sql.ts";

const selected = (sql: string, message: string, topic = "a/b/c") => {
  const made = select(parseTopicSql("reports", sql), topic, Buffer.from(message));
  return made instanceof Error ? made.message : made?.toString();
};

test.for([
  "SELECT * FROM a/b",
  "SELECT x FROM 'a/b'",
  "SELECT *, topic() AS t FROM 'a/b'",
  "SELECT *, clientid() AS c FROM 'a/b'",
  "SELECT *, topic(1) FROM 'a/b'",
  "SELECT * FROM 'a/b' WHERE v = 1",
  "SELECT * FROM 'a/b' WHERE isUndefined(v) OR isUndefined(w)",
  "SELECT * FROM 'a/#/b'",
  "SELECT * FROM 'a/b+'",
  "",
])("refuses the SQL %s", (sql) => {
  expect(() => parseTopicSql("reports", sql)).toThrow(/IoT rule reports: the local run reads SELECT \* FROM/);
});

test("SELECT * hands on what came, JSON or not", () => {
  expect(selected("SELECT * FROM 'a/#'", "no JSON")).toBe("no JSON");
});

test("topic(n) adds one level of the topic, counted from 1", () => {
  expect(selected("SELECT *, topic(2) AS second, topic(3) AS third FROM 'a/#'", '{"v":1}')).toBe(
    '{"v":1,"second":"b","third":"c"}',
  );
});

test("topic(n) beyond the topic's levels adds nothing", () => {
  expect(selected("SELECT *, topic(4) AS fourth FROM 'a/#'", '{"v":1}')).toBe('{"v":1}');
});

test.for(['{"key":"mine"}', '{"key":null}'])(
  "isUndefined drops a message that has the field: %s",
  (message) => {
    const sql = "SELECT *, topic(3) AS key FROM 'a/#' WHERE isUndefined(key)";
    expect(selected(sql, message)).toBeUndefined();
    expect(selected(sql, "{}")).toBe('{"key":"c"}');
  },
);

test.for(["no JSON", "[]", "1", "null"])("fields cannot be added to what is no object: %s", (message) => {
  expect(selected("SELECT *, topic(3) AS key FROM 'a/#'", message)).toContain("no JSON object");
});
