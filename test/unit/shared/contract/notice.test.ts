import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseNotice } from "../../../../shared/contract/notice.ts";

const sample = JSON.parse(
  readFileSync(new URL("../../../../events/messages/notice.json", import.meta.url), "utf8"),
);

test("carries the trace that it belongs to", () => {
  const { traceparent } = parseNotice(JSON.stringify(sample));
  expect(traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
  expect(traceparent).toBe(sample.traceparent);
});

test.each([
  ["is absent", undefined],
  ["is no trace context", "Root=1-5759e988-bd862e3fe1be46a994272793"],
  ["is no text", 7],
])("is good without a trace where that %s", (_, traceparent) => {
  const notice = parseNotice(JSON.stringify({ ...sample, traceparent }));
  expect(notice).toMatchObject({ versionId: sample.versionId, secretArn: sample.secretArn });
  expect(notice.traceparent).toBeUndefined();
});
