import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** A threat model is worth what shows it: each test that the page names is there. */
const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const cited = [
  ...page.matchAll(/`((?:run|unit|integration)\/[\w./-]+\.test\.ts)`(?:: ([^|)\n]+?))?(?= \||\)|\.?\n)/g),
].map(([, file = "", title]) => [file, title] as const);

test("the page cites tests", () => {
  expect(cited.length).toBeGreaterThan(20);
});

test.each(cited)("%s has the test: %s", (file, title) => {
  const path = file.startsWith("run/") ? `integration/${file}` : file;
  const source = readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
  if (title !== undefined) expect(source.replaceAll(/\s+/g, " ")).toContain(title);
});
