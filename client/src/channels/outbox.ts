import type { MqttClient } from "mqtt";
import type { Report } from "../../../shared/contract/report.ts";
import type { Logger } from "../core/logger.ts";

interface Entry {
  readonly report: Report;
  /** Of the MQTT message that is under way. */
  messageId?: number | undefined;
  deadline?: NodeJS.Timeout | undefined;
}

const ACKNOWLEDGE_MS = 10_000;
/** A broker that does not allow a report may say so by closing the connection, as AWS IoT Core does. */
const MAX_CLOSES = 3;
const SILENCE_MS = 600_000;

/**
 * Reports on their way. They are sent when a subscription stands and taken back when it is lost, so that they never
 * stand before the next subscription: an MQTT client would repeat them first, and wait for their acknowledgement.
 */
export class Outbox {
  readonly #topic: string;
  readonly #logger: Logger;
  readonly #entries = new Set<Entry>();
  /** Connections in a row that were closed while a report was under way. */
  #closes = 0;
  #silentUntil = 0;
  #emptied: () => void = () => undefined;

  constructor(topic: string, logger: Logger) {
    this.#topic = topic;
    this.#logger = logger;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Resolves when nothing is on its way. */
  async emptied(): Promise<void> {
    if (this.isEmpty) return;
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
  }

  /** Takes the place of one of the same outcome that was not sent yet; a repetition does not. */
  put(report: Report): void {
    if (performance.now() < this.#silentUntil) return;
    for (const entry of this.#entries) {
      const { outcome, versionId } = entry.report;
      if (entry.messageId !== undefined || outcome !== report.outcome) continue;
      // The first tells more: what led to it, and since when.
      if (report.trigger === "reconnect" && versionId === report.versionId) return;
      this.#entries.delete(entry);
    }
    this.#entries.add({ report });
  }

  send(client: MqttClient): void {
    for (const entry of this.#entries) {
      if (entry.messageId !== undefined) continue;
      client.publish(this.#topic, JSON.stringify(entry.report), { qos: 1 }, (error) => {
        if (error) return;
        this.#closes = 0;
        this.#leave(entry);
      });
      const messageId = client.getLastMessageId();
      entry.messageId = messageId;
      entry.deadline = setTimeout(() => {
        this.#giveUp(entry, `No acknowledgement within ${ACKNOWLEDGE_MS} ms`);
        client.removeOutgoingMessage(messageId);
      }, ACKNOWLEDGE_MS).unref();
    }
  }

  /** The connection is closed. What was not acknowledged waits for the next one. */
  takeBack(client: MqttClient): void {
    const underWay = [...this.#entries].filter(({ messageId }) => messageId !== undefined);
    if (underWay.length === 0) return;
    this.#closes += 1;
    // Each further one would cost us the subscription, too.
    const isDenied = this.#closes >= MAX_CLOSES;
    if (isDenied) this.#silentUntil = performance.now() + SILENCE_MS;
    for (const entry of underWay) {
      clearTimeout(entry.deadline);
      const { messageId } = entry;
      entry.messageId = undefined;
      if (messageId !== undefined) client.removeOutgoingMessage(messageId);
      if (isDenied)
        this.#giveUp(entry, `Each of ${this.#closes} connections was closed after it; check iot:Publish`);
    }
  }

  #giveUp(entry: Entry, reason: string): void {
    this.#logger.warn({ topic: this.#topic, reason }, "Report was not acknowledged");
    this.#leave(entry);
  }

  #leave(entry: Entry): void {
    clearTimeout(entry.deadline);
    this.#entries.delete(entry);
    if (this.isEmpty) this.#emptied();
  }
}
