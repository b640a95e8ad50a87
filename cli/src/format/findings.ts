import type { Finding } from "../doctor/finding.ts";

const MARKS: Readonly<Record<Finding["state"], string>> = {
  ok: "✓",
  attention: "!",
  failed: "✗",
  skipped: "–",
};

/** One line for each finding, what to do below it. */
export function formatFindings(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const bad = findings.filter(({ state }) => state === "failed" || state === "attention").length;
  return [
    ...findings.flatMap(({ check, state, found, remedy }) => [
      `${MARKS[state]} ${check.padEnd(width)}  ${found}`,
      ...(remedy ? [`${" ".repeat(width + 4)}→ ${remedy}`] : []),
    ]),
    "",
    bad === 0 ? "All is well." : `${bad} ${bad === 1 ? "thing is" : "things are"} not well.`,
  ];
}
