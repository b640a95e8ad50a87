import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import { parseInput } from "../aws-input.ts";
import type { AwsInput, AwsPlace } from "../service.ts";
import { type AwsEvent, createAwsEvent } from "./aws-event.ts";

/** 1 MB since January 2026: https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb */
const MAX_REQUEST_BYTES = 1_048_576;

const PutEventsInput = z.object({
  Entries: z
    .array(
      z.object({
        Source: z.optional(z.string()),
        DetailType: z.optional(z.string()),
        Detail: z.optional(z.string()),
        EventBusName: z.optional(z.string()),
        Resources: z.optional(z.array(z.string())),
        /** Seconds since 1970. */
        Time: z.optional(z.number()),
      }),
    )
    .check(z.minLength(1), z.maxLength(10)),
});

type Entry = z.infer<typeof PutEventsInput>["Entries"][number];

/** What became of one entry. */
export type EntryResult = { readonly event: AwsEvent } | { readonly code: string; readonly message: string };

/**
 * Reads the entries of a PutEvents call; each succeeds or fails by itself.
 *
 * @throws AwsError ValidationException where the request as a whole is refused
 */
export function readEntries(place: AwsPlace, input: AwsInput, now: Date): readonly EntryResult[] {
  const { Entries: entries } = parseInput(PutEventsInput, input);
  if (entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > MAX_REQUEST_BYTES) {
    throw new AwsError("ValidationException", "Total size of the entries in the request is over the limit.");
  }
  return entries.map((entry) => readEntry(place, entry, now));
}

function readEntry(place: AwsPlace, entry: Entry, now: Date): EntryResult {
  const { Source: source, DetailType: detailType, Detail: text } = entry;
  if (!source) return missing("Source");
  if (!detailType) return missing("DetailType");
  if (!text) return missing("Detail");
  if (source.startsWith("aws.")) {
    return { code: "NotAuthorizedForSourceException", message: "Not authorized for the source." };
  }
  if (!isDefaultBus(place, entry.EventBusName)) {
    return { code: "ResourceNotFoundException", message: `Event bus ${entry.EventBusName} does not exist.` };
  }
  const detail = parseDetail(text);
  if (!detail) return { code: "MalformedDetail", message: "Detail is malformed." };
  const at = entry.Time === undefined ? now : new Date(entry.Time * 1000);
  return {
    event: createAwsEvent(place, { source, detailType, detail, resources: entry.Resources ?? [] }, at),
  };
}

function missing(field: string): EntryResult {
  return {
    code: "InvalidArgument",
    message: `Parameter ${field} is not valid. Reason: ${field} is a required argument.`,
  };
}

export function defaultBusArn({ region, accountId }: AwsPlace): string {
  return `arn:aws:events:${region}:${accountId}:event-bus/default`;
}

export function isDefaultBus(place: AwsPlace, bus: unknown): boolean {
  return bus === undefined || bus === "default" || bus === defaultBusArn(place);
}

function parseDetail(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const detail: unknown = JSON.parse(text);
    return typeof detail === "object" && detail !== null && !Array.isArray(detail)
      ? { ...detail }
      : undefined;
  } catch {
    return undefined;
  }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
function sizeOf({ Source, DetailType, Detail, Resources = [], Time }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0);
  return bytes + (Time === undefined ? 0 : 14);
}
