/** Writes the tables of docs/cost.md: `npm run cost`. The stack is packaged for it, since what is deployed is counted there. */
import { readFile, writeFile } from "node:fs/promises";
import { packageStack } from "../../local/package-stack.ts";
import { costTables, fillIn } from "./cost-page.ts";
import { countParts } from "./deployed-parts.ts";

const PAGE = new URL("../../docs/cost.md", import.meta.url);

const packaged = await packageStack("cost", "us-east-1");
try {
  const tables = costTables(countParts(packaged.template));
  await writeFile(PAGE, fillIn(await readFile(PAGE, "utf8"), tables));
} finally {
  await packaged.remove();
}
