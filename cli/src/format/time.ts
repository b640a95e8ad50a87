import { InvalidArgumentError } from "commander";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const UNITS = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;

/** How long ago it was, in the largest unit that is not empty: `3 d`, `5 h`, `12 m`, `40 s`. */
export function formatAge(at: string | undefined, now: Date): string {
  if (at === undefined) return "–";
  const ms = Math.max(0, now.getTime() - Date.parse(at));
  if (ms >= DAY_MS) return `${Math.floor(ms / DAY_MS)} d`;
  if (ms >= HOUR_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  if (ms >= MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} m`;
  return `${Math.floor(ms / SECOND_MS)} s`;
}

/** A duration as it is measured: `840 ms`, `1.2 s`. */
export function formatDuration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < SECOND_MS ? `${Math.round(ms)} ms` : `${(ms / SECOND_MS).toFixed(1)} s`;
}

/**
 * Reads a point in time: ISO 8601, or how long ago (`30m`, `24h`, `7d`).
 *
 * @throws InvalidArgumentError where it is neither
 */
export function parseSince(text: string, now: Date = new Date()): Date {
  const [, amount, unit] = /^(\d+)\s*([smhd])$/.exec(text) ?? [];
  if (amount && unit) return new Date(now.getTime() - Number(amount) * UNITS[unit as keyof typeof UNITS]);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? new Date(text) : undefined;
  if (at && !Number.isNaN(at.getTime())) return at;
  throw new InvalidArgumentError("Give a date such as 2026-11-01, or how long ago: 30m, 24h, 7d.");
}

/**
 * Reads a duration in milliseconds: `90s`, `5m`, `1h`; a bare number is seconds.
 *
 * @throws InvalidArgumentError where it is none
 */
export function parseDuration(text: string): number {
  const [, amount, unit = "s"] = /^([1-9]\d*)\s*([smhd])?$/.exec(text) ?? [];
  if (!amount) throw new InvalidArgumentError("Give a duration such as 90s, 5m or 1h.");
  return Number(amount) * UNITS[unit as keyof typeof UNITS];
}
