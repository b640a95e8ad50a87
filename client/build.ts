/**
 * Makes the package that npm publishes: `npm run build`, then `npm pack ./client/dist`.
 *
 * In this repository `keyturn/pg` is `src/pg.ts`, without a build. What is published is a folder with a package.json of
 * its own, made from `client/package.json`: its `exports` is the one list of entries.
 */
import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Plugin, rolldown } from "rolldown";
import * as z from "zod/mini";

const CLIENT = fileURLToPath(new URL(".", import.meta.url));
const ROOT = dirname(CLIENT);
const run = promisify(execFile);

const Names = z.optional(z.record(z.string(), z.string()));

/** What the build reads of `client/package.json`. */
const Manifest = z.object({
  exports: z.record(z.string(), z.string()),
  dependencies: Names,
  peerDependencies: Names,
});

/**
 * ES modules and CommonJS, each in a folder with a `package.json` that says which: so the same declarations serve both,
 * and TypeScript reads each as what it describes.
 */
const FORMATS = [
  { folder: "esm", format: "esm", type: "module" },
  { folder: "cjs", format: "cjs", type: "commonjs" },
] as const;

/**
 * Writes the package to an empty or absent folder.
 *
 * @throws what rolldown or tsc found wrong; an import of a package that `client/package.json` does not name, too
 */
export async function buildPackage(folder: string): Promise<void> {
  const json: Record<string, unknown> = JSON.parse(await readFile(join(CLIENT, "package.json"), "utf8"));
  const manifest = Manifest.parse(json);
  const sources = Object.values(manifest.exports).filter((target) => target.endsWith(".ts"));
  await bundle(sources, packagesOf(manifest), folder);
  await declare(folder);

  const { private: _private, scripts: _scripts, ...published } = json;
  const exports = Object.entries(manifest.exports).map(([name, target]) => [name, publishedTarget(target)]);
  await writeJson(join(folder, "package.json"), { ...published, exports: Object.fromEntries(exports) });
  for (const { folder: inner, type } of FORMATS) {
    // Bundlers read sideEffects from the nearest package.json, too.
    await writeJson(join(folder, inner, "package.json"), { type, sideEffects: false });
  }
  await copyPages(folder);
  await copyFile(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
}

/** The README, with the pages that it leads to; what lies elsewhere in the repository is named without a link. */
async function copyPages(folder: string): Promise<void> {
  const readme = await readFile(join(CLIENT, "README.md"), "utf8");
  const published = readme
    .replaceAll("](../docs/", "](docs/")
    .replaceAll(/\[([^\]]+)\]\(\.\.\/[^)]*\)/g, "$1");
  await writeFile(join(folder, "README.md"), published);
  await mkdir(join(folder, "docs"));
  const linked = new Set([...published.matchAll(/\]\(docs\/([\w-]+\.md)/g)].map(([, page = ""]) => page));
  for (const page of linked) await copyFile(join(ROOT, "docs", page), join(folder, "docs", page));
}

/** One build for all entries, so that what several share, such as the errors, exists once in each format. */
async function bundle(
  sources: readonly string[],
  packages: ReadonlySet<string>,
  folder: string,
): Promise<void> {
  const build = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(sources.map((source) => [entryName(source), join(CLIENT, source)])),
    platform: "node",
    transform: { target: "node22.12" },
    plugins: [leavePackagesOut(packages)],
    // Shared code that is merged into an entry would make the others load that entry, and its driver with it.
    experimental: { chunkOptimization: false },
    onLog(level, log) {
      if (level === "warn") throw new Error(`The bundle is not clean: ${log.message}`);
    },
  });
  try {
    for (const { folder: inner, format } of FORMATS) {
      const output = join(folder, inner);
      await build.write({
        dir: output,
        format,
        exports: "named",
        entryFileNames: "[name].js",
        chunkFileNames: "chunks/[name].js",
        minifyInternalExports: false,
        sourcemap: true,
        // Names of sources in stack traces: as in this repository, whatever folder was built to. The maps hold the text.
        sourcemapPathTransform: (source, map) =>
          relative(dirname(map), join(folder, relative(ROOT, resolve(dirname(map), source)))),
      });
    }
  } finally {
    await build.close();
  }
}

/** Dependencies and peers stay imports. One that nobody would install must not get in by way of this repository's own. */
function leavePackagesOut(packages: ReadonlySet<string>): Plugin {
  return {
    name: "leave-packages-out",
    resolveId(specifier, importer) {
      if (specifier.startsWith(".") || isAbsolute(specifier)) return null;
      if (isBuiltin(specifier) || packages.has(packageName(specifier))) {
        return { id: specifier, external: true, moduleSideEffects: false };
      }
      throw new Error(
        `${relative(ROOT, importer ?? "")} imports ${specifier}, which client/package.json has in neither dependencies nor peerDependencies`,
      );
    },
  };
}

/** Declarations of all modules, in the tree of the sources: TypeScript takes `./x.ts` in one to mean `x.d.ts`. */
async function declare(folder: string): Promise<void> {
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const tsc = join(dirname(typescript), "bin", "tsc");
  const [first, ...others] = FORMATS.map(({ folder: inner }) => join(folder, inner, "types"));
  if (first === undefined) return;
  await mkdir(first, { recursive: true });
  await run(process.execPath, [tsc, "-p", join(CLIENT, "tsconfig.build.json"), "--outDir", first]).catch(
    (error: Error & { readonly stdout?: string }) => {
      throw new Error(`The declarations are not clean: ${error.stdout || error.message}`, { cause: error });
    },
  );
  for (const other of others) await cp(first, other, { recursive: true });
}

/** `./src/pg.ts` as the two formats of it; what is no source stays as it is. */
function publishedTarget(target: string) {
  if (!target.endsWith(".ts")) return target;
  const name = entryName(target);
  const of = (folder: string) => ({
    types: `./${folder}/types/client/src/${name}.d.ts`,
    default: `./${folder}/${name}.js`,
  });
  return { import: of("esm"), require: of("cjs") };
}

const entryName = (source: string) => basename(source, ".ts");

/** `@scope/name/path` → `@scope/name` */
const packageName = (specifier: string) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const packagesOf = ({ dependencies = {}, peerDependencies = {} }: z.infer<typeof Manifest>) =>
  new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);

const writeJson = (path: string, value: unknown) =>
  writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);

if (import.meta.main) {
  const folder = join(CLIENT, "dist");
  await rm(folder, { recursive: true, force: true });
  await buildPackage(folder);
}
