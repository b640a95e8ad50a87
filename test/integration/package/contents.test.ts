import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { publint } from "publint";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";
import { commandPath, type PackedPackage, packPackage } from "./packed-package.ts";

const run = promisify(execFile);

let packed: PackedPackage;
let files: readonly string[];
beforeAll(async () => {
  packed = await packPackage();
  const found = await readdir(packed.content, { recursive: true, withFileTypes: true });
  files = found
    .filter((file) => file.isFile())
    .map((file) => relative(packed.content, join(file.parentPath, file.name)));
});
afterAll(() => packed?.remove());

const read = (file: string) => readFile(join(packed.content, file), "utf8");

test("holds code, declarations, source maps, README, licence and manifest, and nothing else", () => {
  const others = files.filter((file) => !/^(esm|cjs)\/.+(\.js|\.js\.map|\.d\.ts)$/.test(file));
  expect(others.sort()).toEqual([
    "LICENSE",
    "README.md",
    "cjs/package.json",
    "docs/channel.md",
    "docs/observability.md",
    "esm/package.json",
    "package.json",
  ]);
});

test("its README leads to pages that are in it, or to the web", async () => {
  const readme = await read("README.md");
  const links = [...readme.matchAll(/\]\(([^)#]+)/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(2);
  for (const link of links) {
    if (!link.startsWith("https://")) expect(files).toContain(link);
  }
});

test("nothing in it names a folder of the machine that built it", async () => {
  for (const file of files) {
    const text = await read(file);
    for (const folder of [PROJECT_ROOT, packed.buildFolder]) expect(text, file).not.toContain(folder);
  }
});

test("its manifest is the published one", async () => {
  const manifest = JSON.parse(await read("package.json"));
  expect(manifest).toMatchObject({ name: "keyturn", sideEffects: false, engines: { node: ">=22.12" } });
  for (const key of ["private", "scripts", "devDependencies"]) expect(manifest).not.toHaveProperty(key);
  for (const peer of packed.peers) expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true });
});

const SourceMap = z.object({ sources: z.array(z.string()), sourcesContent: z.array(z.string()) });

test("every source map holds the text of the sources that it names", async () => {
  const maps = files.filter((file) => file.endsWith(".map"));
  for (const format of ["esm", "cjs"]) expect(maps).toContain(`${format}/pg.js.map`);
  for (const map of maps) {
    const { sources, sourcesContent } = SourceMap.parse(JSON.parse(await read(map)));
    expect(sources).not.toEqual([]);
    const originals = sources.map((source) => readFile(join(PROJECT_ROOT, dirname(map), source), "utf8"));
    expect(sourcesContent, map).toEqual(await Promise.all(originals));
  }
});

test("Are The Types Wrong finds nothing wrong", async () => {
  // Below node16 resolution no package has subpaths such as keyturn/pg.
  const attw = [commandPath("attw"), packed.tarball, "--profile", "node16", "--format", "ascii"];
  const problems = await run(process.execPath, attw).then(
    () => "",
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
  expect(problems).toBe("");
});

test("publint has nothing to say", async () => {
  const tarball = await readFile(packed.tarball);
  const { messages } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer } });
  expect(messages).toEqual([]);
});

describe("a bundle that uses the errors alone", () => {
  let absWorkingDir: string;
  beforeAll(async () => {
    absWorkingDir = await packed.createProject({
      type: "module",
      packages: [],
      files: { "index.js": 'import { KeyturnError } from "keyturn"; console.log(KeyturnError.name);' },
    });
  });
  const external = () => [...packed.dependencies, ...packed.peers];

  test("has no other package in it, by Rolldown", async () => {
    const bundle = await rolldown({
      cwd: absWorkingDir,
      input: "index.js",
      platform: "node",
      external: external().map((name) => new RegExp(`^${name}(/|$)`)),
    });
    const { output } = await bundle.generate({ format: "esm" });
    await bundle.close();
    const [{ code, imports, dynamicImports }, ...more] = output;
    expect(code).toContain("KeyturnError");
    expect([...imports, ...dynamicImports, ...more]).toEqual([]);
  });

  // It keeps the schemas of a module through which something else is exported.
  test("has no driver and no channel in it, by esbuild", async () => {
    const { outputFiles, metafile } = await build({
      absWorkingDir,
      entryPoints: ["index.js"],
      bundle: true,
      format: "esm",
      platform: "node",
      external: external(),
      metafile: true,
      write: false,
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(outputFiles[0]?.text).toContain("KeyturnError");
    expect(imports.filter(({ path }) => !/^(node:|zod\/)/.test(path))).toEqual([]);
  });
});
