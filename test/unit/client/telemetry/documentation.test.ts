import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { METRICS } from "../../../../client/src/telemetry/metrics.ts";
import { STEPS } from "../../../../client/src/telemetry/steps.ts";
import { findLoggedMessages } from "./logged-messages.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const page = readFileSync(`${root}docs/observability.md`, "utf8");

/** Rows of the tables under a heading, cell by cell; the first cell names what the row is about. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (!section) throw new Error(`docs/observability.md has no section "${heading}"`);
  return section
    .split("\n")
    .filter((line) => /^\|\s*`/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const nameOf = ([name = ""]: string[]) => name.replaceAll("`", "");

describe("docs/observability.md", () => {
  const logged = globSync("client/src/**/*.ts", { cwd: root }).flatMap((path) =>
    findLoggedMessages(`${root}${path}`),
  );

  test("has every line that the client logs, and no other", () => {
    expect(logged.length).toBeGreaterThan(10);
    const messages = new Set(logged.map(({ message }) => message));
    expect(rowsUnder("Log lines").map(nameOf).toSorted()).toEqual([...messages].toSorted());
  });

  test("has each line's level and fields", () => {
    const rows = new Map(rowsUnder("Log lines").map((row) => [nameOf(row), row]));
    for (const { message, level, fields } of logged) {
      const [, levels = "", documented = ""] = rows.get(message) ?? [];
      if (level !== undefined) expect(levels, message).toContain(level);
      for (const field of fields) expect(documented, message).toContain(`\`${field}\``);
    }
  });

  test("has every metric with its unit, and no other", () => {
    const documented = rowsUnder("Metrics").map((row) => [nameOf(row), row[1]?.replaceAll("`", "")]);
    const emitted = Object.entries(METRICS).map(([name, { unit }]) => [name, unit]);
    expect(documented.toSorted()).toEqual(emitted.toSorted());
  });

  test("has every span, and no other", () => {
    const spans = ["keyturn.rotation", ...STEPS.map((step) => `keyturn.${step}`)];
    expect(rowsUnder("Traces").map(nameOf)).toEqual(spans);
  });
});
