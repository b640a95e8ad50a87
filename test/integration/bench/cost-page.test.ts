import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { costTables, fillIn } from "../../../bench/cost/cost-page.ts";
import { countParts } from "../../../bench/cost/deployed-parts.ts";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";

test("docs/cost.md says what the stack costs as it is now; npm run cost writes it", async () => {
  const page = await readFile(join(PROJECT_ROOT, "docs/cost.md"), "utf8");
  const { template } = inject("packagedStack");
  expect(page).toBe(fillIn(page, costTables(countParts(template))));
});
