import { expect, test } from "vitest";
import { createClientId } from "../../../../client/src/channels/client-id.ts";

const TASK_ARN = "arn:aws:ecs:us-east-1:000000000000:task/local/0123456789abcdef0123456789abcdef";

test("a task is found in the broker's log by its id", () => {
  expect(createClientId(TASK_ARN)).toMatch(/^keyturn-0123456789abcdef0123456789abcdef-[\da-f]{12}$/);
});

test("outside ECS it is host and pid", () => {
  expect(createClientId("db-1.example.com:4711")).toMatch(/^keyturn-db-1\.example\.com-4711-[\da-f]{12}$/);
});

test("every channel of a process has its own", () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => createClientId(TASK_ARN)));
  expect(ids.size).toBe(1_000);
});

test.each([
  ["a long host name", `${"host.".repeat(100)}example.com:4711`],
  ["letters of several bytes", "ü€😀".repeat(60)],
  ["wildcards and levels", "a+b#c/d+e#f:1"],
  ["nothing at all", ""],
])("of %s comes an id that every broker and policy takes", (_what, instanceId) => {
  const id = createClientId(instanceId);
  expect(id).toMatch(/^keyturn-[\w.-]*-[\da-f]{12}$/);
  expect(Buffer.byteLength(id)).toBeLessThanOrEqual(128);
});
