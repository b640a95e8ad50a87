import { expect, test } from "vitest";
import { batchItemFailures } from "../../../../local/lambda/batch-item-failures.ts";

const ids = ["one", "two", "three"];

test.for([
  ["null", null],
  ["nothing", undefined],
  ["an empty text", ""],
  ["an empty object", {}],
  ["an object about something else", { statusCode: 200 }],
  ["a null list", { batchItemFailures: null }],
  ["an empty list", { batchItemFailures: [] }],
] as const)("the whole batch succeeded where the answer is %s", ([, answer]) => {
  expect(batchItemFailures(answer, ids)).toEqual([]);
});

test("only the listed messages failed", () => {
  const answer = { batchItemFailures: [{ itemIdentifier: "one" }, { itemIdentifier: "three" }] };
  expect(batchItemFailures(answer, ids)).toEqual(["one", "three"]);
});

test.for([
  ["a text", "ok"],
  ["a list", []],
  ["a failure list that is no list", { batchItemFailures: "one" }],
  ["an empty identifier", { batchItemFailures: [{ itemIdentifier: "" }] }],
  ["a null identifier", { batchItemFailures: [{ itemIdentifier: null }] }],
  ["an identifier under another key", { batchItemFailures: [{ messageId: "one" }] }],
  ["a bare identifier", { batchItemFailures: ["one"] }],
  [
    "an identifier that is not in the batch",
    { batchItemFailures: [{ itemIdentifier: "one" }, { itemIdentifier: "four" }] },
  ],
] as const)("the whole batch failed where the answer is or holds %s", ([, answer]) => {
  expect(batchItemFailures(answer, ids)).toEqual(ids);
});
