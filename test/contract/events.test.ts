import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseMeasured } from "../../functions/measure/parse-measured.ts";
import { domainEventDetails, parseDomainEvent } from "../../shared/contract/domain-event.ts";
import { parseNotice } from "../../shared/contract/notice.ts";
import { parseReceivedReport } from "../../shared/contract/received-report.ts";
import { parseReconcileMessage } from "../../shared/contract/reconcile-message.ts";
import { parseReport } from "../../shared/contract/report.ts";
import { parseRotationAttempt, ROTATION_ATTEMPTS } from "../../shared/contract/rotation-attempt.ts";
import { parseRotationEvent, ROTATION_SOURCES } from "../../shared/contract/rotation-event.ts";

/** The samples in events/ are what `sls invoke`, the docs and other languages' clients go by. */
const events = new URL("../../events/", import.meta.url);
const readText = (path: string) => readFileSync(new URL(path, events), "utf8");
const readJson = (path: string): unknown => JSON.parse(readText(path));
const list = (folder: string) =>
  readdirSync(new URL(folder, events)).filter((name) => name.endsWith(".json"));

test.each(list("sources/"))("sources/%s is a rotation event", (name) => {
  expect(parseRotationEvent(readJson(`sources/${name}`)).secretArn).toMatch(/^(arn|vault):/);
});

test("sources/ has a sample of every source", () => {
  const sources = list("sources/").map((name) => parseRotationEvent(readJson(`sources/${name}`)).source);
  expect(new Set(sources)).toEqual(new Set(ROTATION_SOURCES));
});

test("attempts/ has a valid sample of every rotation that made nothing current", () => {
  const types = list("attempts/").map((name) => parseRotationAttempt(readJson(`attempts/${name}`)).type);
  expect(types.toSorted()).toEqual([...ROTATION_ATTEMPTS].toSorted());
});

test("messages/notice.json is a notice", () => {
  expect(parseNotice(readText("messages/notice.json")).v).toBe(1);
});

test.each(["swapped", "rejected"])("messages/report-%s.json is a report", (outcome) => {
  expect(parseReport(readJson(`messages/report-${outcome}.json`)).outcome).toBe(outcome);
});

test("domain/ has a valid sample of every domain event", () => {
  const types = list("domain/").map((name) => parseDomainEvent(readJson(`domain/${name}`)).type);
  expect(types.toSorted()).toEqual(Object.keys(domainEventDetails).toSorted());
});

const parsers = {
  notify: parseRotationEvent,
  verify: parseRotationEvent,
  redeploy: parseRotationEvent,
  acknowledge: parseReceivedReport,
  measure: parseMeasured,
  reconcile: parseReconcileMessage,
};

test.each(Object.entries(parsers))(
  "%s.json is an SQS event whose every record the function reads",
  (name, parse) => {
    const event = readJson(`${name}.json`) as { Records: { body: string; eventSourceARN: string }[] };
    expect(event.Records.length).toBeGreaterThan(0);
    for (const record of event.Records) expect(() => parse(JSON.parse(record.body))).not.toThrow();
  },
);

test("there is an event for every function", () => {
  const functions = readdirSync(new URL("../../functions/", import.meta.url));
  expect(Object.keys(parsers).toSorted()).toEqual(functions.toSorted());
});
