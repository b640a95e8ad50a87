import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadLine, NODE_PROJECTS } from "./node-projects.ts";
import { type PackedPackage, packPackage } from "./packed-package.ts";

const run = promisify(execFile);

/** What is loaded when it is first used, so that a service without it does not pay for it. */
const LOADED_ON_USE = ["mqtt", "@smithy/signature-v4", "@aws-crypto/sha256-js"];

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
});
afterAll(() => packed?.remove());

describe.each(NODE_PROJECTS)(
  "installed in a project of type $type on Node $version",
  ({ version, node, type, skip }) => {
    /** Runs the script in a project of its own; gives what it printed. */
    async function runIn(packages: readonly string[], script: string, ...flags: string[]): Promise<string> {
      const project = await packed.createProject({ type, packages, files: { "index.js": script } });
      const { stdout, stderr } = await run(node, [...flags, "index.js"], { cwd: project });
      expect(stderr).toBe("");
      return stdout.trim();
    }

    /** Loads all entries, as the array `entries`. */
    const loadAll = () =>
      `${packed.entries.map((entry, at) => loadLine(type, `entry${at}`, entry)).join("")}
    const entries = [${packed.entries.map((_entry, at) => `entry${at}`).join()}];\n`;

    const everything = () => [...packed.dependencies, ...packed.peers];

    test.skipIf(skip)("it is that Node that runs", async () => {
      expect(await runIn([], "console.log(process.version)")).toMatch(`${version}.`);
    });

    test.skipIf(skip)(
      "each entry loads with no more than its driver, and exports what its source does",
      async () => {
        const loadedAtOnce = packed.dependencies.filter((name) => !LOADED_ON_USE.includes(name));
        for (const entry of packed.entries) {
          const script = `${loadLine(type, "entry", entry)}console.log(Object.keys(entry).join());`;
          const printed = await runIn([...loadedAtOnce, ...packed.driverOf(entry)], script);
          const source: object = await import(entry);
          expect(printed.split(",").sort(), entry).toEqual(Object.keys(source).sort());
        }
      },
    );

    test.skipIf(skip)(
      "a bad option rejects with an error that every entry knows, with the line of its source",
      async () => {
        const script = `${loadLine(type, "pg", "keyturn/pg")}${loadAll()}
      const bases = entries.flatMap(({ KeyturnError }) => KeyturnError ?? []);
      pg.createRotatingPool({ secretId: "orders", max: 0 }).catch((error) => {
        console.log(error.name, bases.length > 1 && bases.every((base) => error instanceof base));
        console.log(error.stack);
      });`;
        const printed = await runIn(everything(), script, "--enable-source-maps");
        expect(printed).toMatch(/^ConfigError true\n/);
        expect(printed).toMatch(/client\/src\/[\w/-]+\.ts:\d+:\d+/);
      },
    );

    test.skipIf(skip)("what several entries export is one thing, not a copy in each", async () => {
      const script = `${loadAll()}
      const values = new Map();
      for (const [name, value] of entries.flatMap((entry) => Object.entries(entry))) {
        // A factory is its driver's own.
        if (name.startsWith("create")) continue;
        values.set(name, [...(values.get(name) ?? []), value]);
      }
      const shared = [...values].filter(([, [, second]]) => second);
      const copied = shared.filter(([, [first, ...others]]) => others.some((other) => other !== first));
      console.log(JSON.stringify({ shared: shared.map(([name]) => name), copied: copied.map(([name]) => name) }));`;
      const { shared, copied } = JSON.parse(await runIn(everything(), script));
      expect(shared).toContain("KeyturnError");
      expect(copied).toEqual([]);
    });
  },
);
