/**
 * How large the functions are, and what their largest parts are: `npm run bench:bundles`, or with `-- --parts 20` or
 * `-- --files` for more. Ends with exit code 1 where a function is larger than it may be.
 */
import { parseArgs } from "node:util";
import { type Bundle, bundle, type Part, sdkClients } from "./bundle.ts";
import { BUNDLE_GOAL, exceedsGoal } from "./bundle-goal.ts";
import { readDeployment } from "./deployed-functions.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    files: { type: "boolean", default: false },
    parts: { type: "string", default: "8" },
  },
});
const shown = Number(values.parts);
if (!Number.isInteger(shown) || shown < 0) throw new Error("--parts takes a whole number, 0 or more");

const { functions, bundling } = await readDeployment();
const bundles = await Promise.all(
  functions.map(async ({ name, entryPoint }) => ({ name, ...(await bundle({ entryPoint, bundling })) })),
);
const kB = (bytes: number) => (bytes / 1_000).toFixed(1);
const partsOf = (made: Bundle): Part[] => (values.files ? made.files : made.parts).slice(0, shown);

if (values.json) {
  console.log(
    JSON.stringify(
      bundles.map((made) => ({
        name: made.name,
        bytes: made.bytes,
        gzipBytes: made.gzipBytes,
        sdkClients: sdkClients(made),
        exceedsGoal: exceedsGoal(made),
        parts: partsOf(made),
        onDemand: made.onDemand,
      })),
    ),
  );
} else {
  const rows = bundles.map((made) => ({
    function: made.name,
    "kB at start": kB(made.bytes),
    gzip: kB(made.gzipBytes),
    "kB on demand": kB(made.onDemand.reduce((sum, { bytes }) => sum + bytes, 0)),
    "SDK clients": sdkClients(made).length,
    goal: exceedsGoal(made)
      ? "exceeded"
      : sdkClients(made).length > BUNDLE_GOAL.sdkClients
        ? "none: more clients"
        : "met",
  }));
  console.log(
    `Goal: ${kB(BUNDLE_GOAL.bytes)} kB minified at start, for ${BUNDLE_GOAL.sdkClients} clients of the AWS SDK or fewer\n`,
  );
  console.log(table(rows));
  for (const made of bundles) {
    console.log(`\n${made.name}`);
    for (const { name, bytes } of partsOf(made)) console.log(`  ${kB(bytes).padStart(6)} kB  ${name}`);
    for (const { name, bytes } of made.onDemand.slice(0, shown)) {
      console.log(`  ${kB(bytes).padStart(6)} kB  on demand: ${name}`);
    }
  }
}
if (bundles.some(exceedsGoal)) process.exitCode = 1;
