import type { Report } from "../../../shared/contract/report.ts";
import type { Attempt } from "./attempt.ts";
import type { Channel } from "./channel.ts";
import type { Instance } from "./instance.ts";

/** Tells the pipeline what this instance runs on. */
export class Reporter {
  readonly #instance: Instance;
  readonly #channel: Channel | undefined;
  #adoption: Report | undefined;

  constructor(instance: Instance, channel: Channel | undefined) {
    this.#instance = instance;
    this.#channel = channel;
  }

  report({ version, trigger, notice, timings, refusal }: Attempt): void {
    const report: Report = {
      v: 1,
      secretArn: version.secretArn,
      versionId: version.versionId,
      ...this.#instance,
      outcome: refusal ? "rejected" : "swapped",
      trigger,
      occurredAt: new Date().toISOString(),
      ...(notice ? { currentSince: notice.currentSince } : {}),
      timings,
      ...(refusal ? { reason: refusal } : {}),
    };
    if (!refusal) this.#adoption = report;
    this.#channel?.publish(report);
  }

  /** Says again what is in use, with the time at which it came into use: receivers know it for a repetition. */
  repeat(): void {
    if (this.#adoption) this.#channel?.publish({ ...this.#adoption, trigger: "reconnect" });
  }
}
