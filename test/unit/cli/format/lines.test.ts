import { expect, test } from "vitest";
import { formatFindings } from "../../../../cli/src/format/findings.ts";
import { formatEntry, formatEntryOf } from "../../../../cli/src/format/history.ts";
import { formatReason } from "../../../../cli/src/format/reasons.ts";
import { formatAge, formatDuration, parseDuration, parseSince } from "../../../../cli/src/format/time.ts";
import { NEW, NOW, OLD, SECRET_ARN, SERVICE_ARN, taskArn } from "../fixtures.ts";

test("each kind of entry of a history is a line of its own form", () => {
  const base = { at: "2026-11-20T11:57:00.123Z", versionId: NEW };
  const who = { instanceId: taskArn("aaaaaaaaaaaaaaaa0000000000000001"), service: "orders-api" };
  const lines = [
    formatEntry({ ...base, what: "rotated", source: "label-updated" }),
    formatEntry({ ...base, what: "seen-again", source: "rotation-succeeded" }),
    formatEntry({ ...base, what: "noticed" }),
    formatEntry({ ...base, what: "verified", verdict: "accepted" }),
    formatEntry({ ...base, what: "verified", verdict: "unverifiable", reason: "The secret names no host" }),
    formatEntry({ ...base, ...who, what: "adopted", trigger: "notice" }),
    formatEntry({ ...base, ...who, what: "refused", code: "28P01" }),
    formatEntry({ ...base, what: "redeployed", serviceArn: SERVICE_ARN }),
    formatEntry({ ...base, what: "undecided", serviceArn: SERVICE_ARN, intent: "redeploy" }),
    formatEntry({ ...base, what: "withheld", serviceArn: SERVICE_ARN, reason: "secret-pinned" }),
    formatEntryOf(SECRET_ARN, {
      ...base,
      what: "deployment-ended",
      serviceArn: SERVICE_ARN,
      outcome: "failed",
    }),
  ];
  expect(lines.join("\n")).toBe(`\
2026-11-20 11:57:00.123  rotated           22222222  told by label-updated
2026-11-20 11:57:00.123  seen-again        22222222  told by rotation-succeeded
2026-11-20 11:57:00.123  noticed           22222222  services were told
2026-11-20 11:57:00.123  verified          22222222  accepted
2026-11-20 11:57:00.123  verified          22222222  unverifiable: The secret names no host
2026-11-20 11:57:00.123  adopted           22222222  orders-api 000000000001, by notice
2026-11-20 11:57:00.123  refused           22222222  orders-api 000000000001: 28P01
2026-11-20 11:57:00.123  redeployed        22222222  legacy-api
2026-11-20 11:57:00.123  undecided         22222222  legacy-api: was about to redeploy
2026-11-20 11:57:00.123  withheld          22222222  legacy-api: secret-pinned
2026-11-20 11:57:00.123  deployment-ended  22222222  legacy-api: failed  orders/db`);
});

test("each reason against a rotation is a sentence", () => {
  const who = { instanceId: "web-1:4711", service: "reports" };
  expect([
    formatReason({ code: "rotation-not-known" }),
    formatReason({ code: "rotation-not-known", versionId: NEW }),
    formatReason({ code: "verdict-missing", versionId: NEW }),
    formatReason({ code: "credential-unverified", versionId: NEW, verdict: "unreachable" }),
    formatReason({ code: "instance-behind", ...who, versionId: OLD }),
    formatReason({ code: "instance-behind", instanceId: "web-2:1" }),
    formatReason({ code: "instance-silent", ...who, heardAt: "2026-11-18T00:00:00.000Z" }),
    formatReason({ code: "redeploy-under-way", serviceArn: SERVICE_ARN }),
    formatReason({ code: "service-behind", serviceArn: SERVICE_ARN, decision: "secret-pinned" }),
    formatReason({ code: "service-behind", serviceArn: SERVICE_ARN, decision: "deployment-unknown" }),
  ]).toEqual([
    "No version is known",
    "Version 22222222 is current, and no event told of it yet; reconcile feeds it in within the hour",
    "Nobody has logged in with version 22222222 yet",
    "Version 22222222 is unreachable: its history says why",
    "reports web-1:4711 is on version 11111111",
    "web-2:1 is on no version that it told of",
    "reports web-1:4711 has not reported since 2026-11-18T00:00:00.000Z",
    "legacy-api is being redeployed",
    "legacy-api is behind, and was left alone: secret-pinned",
    "legacy-api was behind, and nobody told how its deployment ended: a check that finds no service behind clears this, and for a day reconcile has one look again, ever less often. Look at the service in ECS",
  ]);
});

test("findings stand in columns, each with what to do below it", () => {
  const lines = formatFindings([
    { check: "queues", state: "ok", found: "7 queues" },
    { check: "stack", state: "skipped", found: "no CloudFormation" },
    {
      check: "alarms",
      state: "attention",
      found: "14 of 14 alarms tell nobody",
      remedy: "Deploy with a topic.",
    },
    { check: "event rules", state: "failed", found: "one is disabled", remedy: "Enable it." },
  ]);
  expect(lines.join("\n")).toBe(`\
✓ queues       7 queues
– stack        no CloudFormation
! alarms       14 of 14 alarms tell nobody
               → Deploy with a topic.
✗ event rules  one is disabled
               → Enable it.

2 things are not well.`);
  expect(formatFindings([]).at(-1)).toBe("All is well.");
});

test("times are read as people write them, and anything else is refused", () => {
  expect(parseSince("30m", NOW)).toEqual(new Date("2026-11-20T11:30:00.000Z"));
  expect(parseSince("7d", NOW)).toEqual(new Date("2026-11-13T12:00:00.000Z"));
  expect(parseSince("2026-11-01")).toEqual(new Date("2026-11-01T00:00:00.000Z"));
  expect(parseDuration("90")).toBe(90_000);
  expect(parseDuration("5m")).toBe(300_000);
  for (const wrong of ["yesterday", "7 weeks", "", "2026-13-01", "-1h", "0"]) {
    expect(() => parseSince(wrong)).toThrow(/Give a date/);
    expect(() => parseDuration(wrong)).toThrow(/Give a duration/);
  }
});

test("ages and durations are given in the unit that fits", () => {
  expect(["11:59:20", "11:48:00", "07:00:00"].map((at) => formatAge(`2026-11-20T${at}Z`, NOW))).toEqual([
    "40 s",
    "12 m",
    "5 h",
  ]);
  expect(formatAge("2026-11-10T12:00:00Z", NOW)).toBe("10 d");
  // Clocks differ: nothing is of the future.
  expect(formatAge("2026-11-20T12:00:05Z", NOW)).toBe("0 s");
  expect([formatDuration(840.4), formatDuration(1_250), formatDuration(undefined)]).toEqual([
    "840 ms",
    "1.3 s",
    "–",
  ]);
});
