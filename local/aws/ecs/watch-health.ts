import { setTimeout as delay } from "node:timers/promises";
import { type ProcessGroupOptions, startProcessGroup } from "./process-group.ts";
import type { HealthCheck } from "./task-definition.ts";

export type HealthStatus = "UNKNOWN" | "HEALTHY" | "UNHEALTHY";

/** Docker asks again only after `interval`; a local run should not wait that long for a service that is up. */
const STARTING_INTERVAL_MS = 250;

/**
 * Runs a container's health check until `signal` is aborted: in quick succession until it first succeeds, then every
 * `interval`. `retries` failures in a row make it UNHEALTHY, and before the first success the time that AWS would
 * take for them, `startPeriod` and `retries` intervals.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
 */
export async function watchHealth(
  check: HealthCheck,
  surroundings: Pick<ProcessGroupOptions, "env" | "cwd">,
  signal: AbortSignal,
  onStatus: (status: HealthStatus) => void,
): Promise<void> {
  const { interval = 30, timeout = 5, retries = 3, startPeriod = 0 } = check;
  const command = checkCommand(check.command);
  const startDeadline = Date.now() + (startPeriod + retries * interval) * 1000;
  let status: HealthStatus = "UNKNOWN";
  let failures = 0;
  while (!signal.aborted) {
    const isGood: boolean = await succeeds({ command, ...surroundings }, timeout * 1000, signal);
    if (signal.aborted) return;
    failures = isGood ? 0 : failures + 1;
    const isBad: boolean = status === "UNKNOWN" ? Date.now() >= startDeadline : failures >= retries;
    const next: HealthStatus = isGood ? "HEALTHY" : isBad ? "UNHEALTHY" : status;
    if (next !== status) onStatus(next);
    status = next;
    const waitMs = status === "UNKNOWN" ? STARTING_INTERVAL_MS : interval * 1000;
    await delay(waitMs, undefined, { signal }).catch(() => {});
  }
}

function checkCommand([kind = "", ...rest]: readonly string[]): readonly string[] {
  return kind === "CMD-SHELL" ? ["/bin/sh", "-c", rest.join(" ")] : rest;
}

async function succeeds(
  options: ProcessGroupOptions,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const check = startProcessGroup(options);
  const end = () => check.signal("SIGKILL");
  const timer = setTimeout(end, timeoutMs);
  signal.addEventListener("abort", end);
  try {
    return (await check.exited).code === 0;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
