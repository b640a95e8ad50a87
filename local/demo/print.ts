import pc from "picocolors";
import type { ActResult } from "./act.ts";
import type { ActRecord, ActStep } from "./act-record.ts";
import type { Claim } from "./claims.ts";

/** Colours only on a terminal: picocolors looks at stdout, NO_COLOR and FORCE_COLOR. */
export interface Printer {
  title(text: string): void;
  line(text: string): void;
  /** Something slow is under way; says it again every few seconds until the returned function is called. */
  progress(text: string): () => void;
  step(step: ActStep, act: ActRecord): void;
  result(act: ActResult): void;
  claims(claims: readonly Claim[]): void;
}

const PROGRESS_MS = 3_000;

export function createPrinter(write: (line: string) => void): Printer {
  const line = (text: string) => write(text);
  return {
    title: (text) => line(`\n${pc.bold(text)}`),
    line,

    progress(text) {
      const startedAt = performance.now();
      const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
      line(pc.dim(`… ${text}`));
      const timer = setInterval(() => line(pc.dim(`… ${text} (${seconds()} s)`)), PROGRESS_MS);
      return () => {
        clearInterval(timer);
        line(pc.dim(`  ${text}: done in ${seconds()} s`));
      };
    },

    step({ at, step, who }, { currentSince }) {
      const when = currentSince ? formatMs(at.getTime() - currentSince.getTime()) : "before";
      line(`${when.padStart(11)}  ${pc.cyan(who.padEnd(16))} ${emphasise(step)}`);
    },

    result(act) {
      line(
        `\n${pc.bold("Timeline")} of ${act.name}, version ${act.versionId.slice(0, 8)}; 0 ms is AWSCURRENT moving`,
      );
      for (const { atMs, step, who } of act.steps) {
        line(`${formatMs(atMs).padStart(11)}  ${who.padEnd(16)} ${step}`);
      }
      line("");
      const rows = Object.keys(act.queries).map((service) => [
        service,
        String(act.queries[service]),
        String(act.failedQueries[service]),
        formatCodes(act.failureCodes[service] ?? {}),
        act.redeployed.includes(service)
          ? "redeployed"
          : act.withheld.includes(service)
            ? "withheld"
            : "no need",
      ]);
      for (const row of table([["service", "queries", "failed", "with", "redeploy"], ...rows])) line(row);
      const { adoptionMs } = act;
      if (adoptionMs)
        line(
          `adoption: p50 ${adoptionMs.p50} ms, p99 ${adoptionMs.p99} ms, max ${adoptionMs.max} ms; verdict ${act.verdict}`,
        );
      else line(`adoption: none; verdict ${act.verdict}`);
    },

    claims(claims) {
      for (const { act, claim, holds } of claims) {
        line(`${holds ? pc.green("✓") : pc.red("✗")} ${act}: ${claim}`);
      }
    },
  };
}

function formatMs(ms: number): string {
  return `${ms >= 0 ? "+" : "−"}${Math.abs(Math.round(ms))} ms`;
}

function formatCodes(codes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(codes).map(([code, times]) => `${code} ×${times}`);
  return parts.length > 0 ? parts.join(", ") : "–";
}

function emphasise(step: string): string {
  if (/reject|alarm .* is ALARM|broken/.test(step)) return pc.yellow(step);
  return /swapped|accepted/.test(step) ? pc.green(step) : step;
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("   ")
      .trimEnd(),
  );
}
