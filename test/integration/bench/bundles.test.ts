import { execFile } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { type Bundle, bundle, sdkClients } from "../../../bench/functions/bundle.ts";
import { BUNDLE_GOAL, exceedsGoal } from "../../../bench/functions/bundle-goal.ts";
import { readDeployment } from "../../../bench/functions/deployed-functions.ts";
import { unpackBundle } from "../../../local/lambda/unpack-bundle.ts";

const bundles = new Map<string, Bundle>();
beforeAll(async () => {
  const { functions, bundling } = await readDeployment();
  for (const { name, entryPoint } of functions) bundles.set(name, await bundle({ entryPoint, bundling }));
});

test("a function with three clients of the AWS SDK or fewer is no larger than it may be", () => {
  expect(bundles.size).toBeGreaterThan(0);
  const tooLarge = [...bundles].filter(([, made]) => exceedsGoal(made));
  expect(
    tooLarge.map(([name, { bytes }]) => `${name} has ${bytes} bytes; npm run bench:bundles lists its parts`),
  ).toEqual([]);
});

describe("what is listed is what is deployed", () => {
  test("every zip has the files that are listed, of the same size but for the lines that name their source maps", async () => {
    const { zipFolder } = inject("packagedStack");
    for (const [name, { bytes, onDemand }] of bundles) {
      const files = unzipSync(await readFile(join(zipFolder, `${name}.zip`)));
      const code = Object.keys(files).filter((path) => path.endsWith(".mjs"));
      expect(code).toContain(`functions/${name}/handler.mjs`);
      // No file of another function.
      expect(code.filter((path) => !path.startsWith(`functions/${name}/`))).toEqual([]);
      const packaged = code.reduce((sum, path) => sum + (files[path]?.length ?? 0), 0);
      const listed = bytes + onDemand.reduce((sum, part) => sum + part.bytes, 0);
      expect(Math.abs(packaged - listed), name).toBeLessThan(100 * code.length);
    }
  });

  test("drivers of stores are loaded on demand alone", () => {
    const verify = bundles.get("verify");
    const names = verify?.parts.map(({ name }) => name) ?? [];
    expect(names.filter((name) => ["pg", "mysql2", "ioredis", "mongodb"].includes(name))).toEqual([]);
    expect(verify?.onDemand.map(({ name }) => name).join(" ")).toContain("postgres");
  });

  test("its parts add up to nearly all of it, and the clients are among them", () => {
    for (const made of bundles.values()) {
      const sum = made.parts.reduce((bytes, part) => bytes + part.bytes, 0);
      expect(sum).toBeGreaterThan(made.bytes * 0.9);
      expect(sdkClients(made)).toContain("@aws-sdk/client-dynamodb");
    }
  });
});

test("what is loaded on demand loads where there is nothing but the zip", async () => {
  const { zipFolder } = inject("packagedStack");
  const folder = await unpackBundle(join(zipFolder, "verify.zip"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = await readdir(join(folder, "functions/verify"));
  const probes = files.filter((file) => /^handler\.\w+-probe-\w+\.mjs$/.test(file));
  expect(probes.length).toBeGreaterThan(3);

  const urls = probes.map((file) => pathToFileURL(join(folder, "functions/verify", file)).href);
  const script = `for (const url of ${JSON.stringify(urls)}) console.log(Object.keys(await import(url)).join());`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: folder,
  });
  const names = stdout.trim().split("\n");
  expect(names).toHaveLength(probes.length);
  expect(names.every((name) => name.endsWith("Probe"))).toBe(true);
});

test("a bundle that is too large for its clients is told from one that has more of them", () => {
  const client = (name: string) => ({ name: `@aws-sdk/client-${name}`, bytes: 1 });
  const made = (clients: readonly string[]): Bundle => ({
    bytes: BUNDLE_GOAL.bytes + 1,
    gzipBytes: 0,
    files: [],
    onDemand: [],
    parts: clients.map(client),
  });
  expect(exceedsGoal(made(["a", "b", "c"]))).toBe(true);
  expect(exceedsGoal(made(["a", "b", "c", "d"]))).toBe(false);
});
