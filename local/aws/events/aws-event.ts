import { randomUUID } from "node:crypto";
import type { AwsPlace } from "../service.ts";

/** An event as EventBridge carries it. */
export interface AwsEvent {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  /** UTC, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AwsEventContent {
  readonly detailType: string;
  readonly source: string;
  readonly resources?: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Puts the envelope around an event's content. */
export function createAwsEvent(place: AwsPlace, content: AwsEventContent, at: Date): AwsEvent {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": content.detailType,
    source: content.source,
    account: place.accountId,
    time: toWholeSeconds(at),
    region: place.region,
    resources: content.resources ?? [],
    detail: content.detail,
  };
}

/** EventBridge tells times in whole seconds. */
export function toWholeSeconds(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, "Z");
}
