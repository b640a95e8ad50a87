import { parseDomainEvent } from "../../shared/contract/domain-event.ts";
import { parseNotice } from "../../shared/contract/notice.ts";
import { parseReport, type Report } from "../../shared/contract/report.ts";
import type { LocalRun } from "../local-run.ts";

/** One thing that happened in an act. */
export interface ActStep {
  readonly at: Date;
  readonly step: string;
  readonly who: string;
}

/** What became of one version, as the broker, the bus and the alarms showed it; filled while the act runs. */
export interface ActRecord {
  versionId?: string;
  /** When AWSCURRENT moved to the version. */
  currentSince?: Date;
  verdict?: "accepted" | "rejected" | "unverifiable";
  readonly reports: Map<string, Report>;
  readonly redeployed: Set<string>;
  redeployedAt?: Date;
  readonly withheld: Set<string>;
  readonly alarms: Set<string>;
  /** Instances whose logins had to wait for the version. */
  readonly waiting: Set<string>;
  readonly steps: ActStep[];
}

export interface ActRecorder {
  /** Begins a new act; what comes from now on belongs to it. */
  begin(): ActRecord;
  /** Adds a step of the one who rotates. */
  step(step: string, who: string, at: Date): void;
}

const serviceName = (arn: string) => arn.split("/").at(-1) ?? arn;

/**
 * Watches what leaves every part of the pipeline, from the outside.
 *
 * @param nameOf a short name of an instance
 * @param onStep hears each step as it is seen
 */
export function recordActs(
  run: LocalRun,
  nameOf: (instanceId: string) => string,
  onStep: (step: ActStep, act: ActRecord) => void,
): ActRecorder {
  let act = newRecord();
  const step = (text: string, who: string, at: Date) => {
    const seen = { at, step: text, who };
    act.steps.push(seen);
    onStep(seen, act);
  };

  run.events.on("labelMoved", ({ versionId, at }) => {
    act.versionId = versionId;
    act.currentSince = at;
    step("finishSecret: AWSCURRENT moves to the new version", "Secrets Manager", at);
  });

  run.events.on("published", ({ topic, payload }) => {
    if (topic.startsWith(`${run.topicPrefix}/notices/`)) {
      if (parseNotice(payload).versionId === act.versionId)
        step("notice to every subscriber", "notify", new Date());
    } else if (topic.startsWith(`${run.topicPrefix}/reports/`)) {
      const report = parseReport(JSON.parse(payload));
      if (report.versionId !== act.versionId || act.reports.has(report.instanceId)) return;
      act.reports.set(report.instanceId, report);
      const how =
        report.outcome === "swapped"
          ? `swapped (hint by ${report.trigger}, login ${report.timings.verifyMs ?? 0} ms)`
          : `rejected it (${report.reason?.code}) and keeps the old credential`;
      step(how, nameOf(report.instanceId), new Date(report.occurredAt));
    }
  });

  run.events.on("bus", (event) => {
    if (event.source !== run.eventSource) {
      if (event["detail-type"] !== "Secret Label Updated")
        step(`${event.detail.eventName}, seen once more`, "CloudTrail", new Date());
      return;
    }
    const { type, detail } = parseDomainEvent(event);
    if (detail.versionId !== act.versionId) return;
    const at = new Date(detail.occurredAt);
    switch (type) {
      case "CredentialVerified":
        act.verdict = "accepted";
        return step(`accepted: a login took ${detail.verifyMs} ms`, "verify", at);
      case "CredentialRejected":
        act.verdict = "rejected";
        return step(`rejected: ${detail.reason} (${detail.code})`, "verify", at);
      case "CredentialUnverifiable":
        act.verdict = "unverifiable";
        return step(`unverifiable: ${detail.reason}`, "verify", at);
      case "AdoptionChecked":
        return step(
          `deadline check: ${detail.adopted} on the version, ${detail.stale} behind`,
          "redeploy",
          at,
        );
      case "ServiceRedeployed":
        act.redeployed.add(serviceName(detail.serviceArn));
        act.redeployedAt ??= at;
        return step(`forces a new deployment of ${serviceName(detail.serviceArn)}`, "redeploy", at);
      case "RedeployWithheld":
        act.withheld.add(serviceName(detail.serviceArn));
        return step(`leaves ${serviceName(detail.serviceArn)} alone: ${detail.reason}`, "redeploy", at);
      default:
        return;
    }
  });

  // The client says this whenever checkouts begin to wait; here it counts once for each copy and act.
  run.events.on("log", ({ stream, text }) => {
    if (stream && text.includes("checkouts wait for a new credential") && !act.waiting.has(stream)) {
      act.waiting.add(stream);
      step("a login was refused: new logins wait, open connections go on", nameOf(stream), new Date());
    }
  });

  run.events.on("alarm", ({ name, state, at }) => {
    if (state === "ALARM") act.alarms.add(name);
    if (state !== "INSUFFICIENT_DATA") step(`alarm ${name} is ${state}`, "CloudWatch", at);
  });

  return {
    begin: () => {
      act = newRecord();
      return act;
    },
    step,
  };
}

function newRecord(): ActRecord {
  return {
    reports: new Map(),
    redeployed: new Set(),
    withheld: new Set(),
    alarms: new Set(),
    waiting: new Set(),
    steps: [],
  };
}
