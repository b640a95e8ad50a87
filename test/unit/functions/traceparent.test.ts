import { expect, test } from "vitest";
import { traceparentOf } from "../../../functions/notify/traceparent.ts";

const ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793";
const PARENT = "Parent=53995c3f42cd8ad8";
const TRACEPARENT = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

test.each([
  ["as Lambda has it", `${ROOT};${PARENT};Sampled=1`],
  ["in another order, with a lineage", `Sampled=1;Lineage=a87bd80c:1|68fd508a:5;${PARENT};${ROOT}`],
  ["with spaces", `${ROOT}; ${PARENT}; Sampled=1`],
])("gives the W3C form of a sampled trace %s", (_, header) => {
  expect(traceparentOf(header)).toBe(TRACEPARENT);
});

test.each([
  ["there is no header", undefined],
  ["the header is empty", ""],
  ["the trace is not sampled", `${ROOT};${PARENT};Sampled=0`],
  ["nobody has decided on sampling", `${ROOT};${PARENT}`],
  ["there is no parent", `${ROOT};Sampled=1`],
  ["the root is no trace id", `Root=1-5759e988;${PARENT};Sampled=1`],
  ["the parent is no span id", `${ROOT};Parent=EXAMPLE;Sampled=1`],
])("gives none where %s", (_, header) => {
  expect(traceparentOf(header)).toBeUndefined();
});
