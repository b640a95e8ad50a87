import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { PROJECT_ROOT } from "../../local/package-stack.ts";

/** What one package, our own code, or one file has in a bundle. */
export interface Part {
  readonly name: string;
  readonly bytes: number;
}

export interface Bundle {
  /** What a function loads when it starts, minified; without source maps. */
  readonly bytes: number;
  readonly gzipBytes: number;
  /** What of that is whose: packages, and `keyturn` for our own code; the largest first. */
  readonly parts: readonly Part[];
  /** The same by file. */
  readonly files: readonly Part[];
  /** What is loaded when it is needed, by the names of the bundle's further files. */
  readonly onDemand: readonly Part[];
}

export interface BundleOptions {
  /** From the project's root. */
  readonly entryPoint: string;
  readonly bundling: BuildOptions;
  /** Folder to write it to, as handler.mjs and what that imports; nowhere by default. */
  readonly out?: string;
  readonly plugins?: Plugin[];
}

type Outputs = Metafile["outputs"];

/** Bundles one function. */
export async function bundle({ entryPoint, bundling, out, plugins = [] }: BundleOptions): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...bundling,
    absWorkingDir: PROJECT_ROOT,
    entryPoints: [{ in: entryPoint, out: "handler" }],
    outdir: out === undefined ? join(PROJECT_ROOT, "bundle") : out,
    outExtension: { ".js": ".mjs" },
    // A map is listed beside its bundle otherwise, and its size says nothing of what a function loads.
    sourcemap: out === undefined ? false : (bundling.sourcemap ?? false),
    write: out !== undefined,
    metafile: true,
    plugins,
    logLevel: "error",
  });
  const loaded = loadedAtStart(metafile.outputs);
  const files = largestFirst(
    [...loaded].flatMap((path) =>
      Object.entries(metafile.outputs[path]?.inputs ?? {}).map(([name, { bytesInOutput }]) => ({
        name,
        bytes: bytesInOutput,
      })),
    ),
  );
  const isLoaded = (path: string) => [...loaded].some((output) => join(PROJECT_ROOT, output) === path);
  return {
    bytes: [...loaded].reduce((sum, path) => sum + (metafile.outputs[path]?.bytes ?? 0), 0),
    gzipBytes: (outputFiles ?? [])
      .filter(({ path }) => isLoaded(path))
      .reduce((sum, { contents }) => sum + gzipSync(contents).length, 0),
    parts: sumUp(files, packageOf),
    files,
    onDemand: largestFirst(
      Object.entries(metafile.outputs)
        .filter(([path]) => !loaded.has(path) && !path.endsWith(".map"))
        .map(([path, { bytes }]) => ({ name: path.slice(dirname(path).length + 1), bytes })),
    ),
  };
}

/** Clients of the AWS SDK in it. */
export function sdkClients({ parts }: Pick<Bundle, "parts">): string[] {
  return parts.map(({ name }) => name).filter((name) => name.startsWith("@aws-sdk/client-"));
}

/** The entry, and what it imports, and so on; what is imported by `import()` is not among it. */
function loadedAtStart(outputs: Outputs): Set<string> {
  const loaded = new Set<string>();
  const waiting = Object.keys(outputs).filter((path) => path.endsWith("/handler.mjs"));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    for (const { path: imported, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && !external) waiting.push(imported);
    }
  }
  if (loaded.size === 0) throw new Error("esbuild made no handler.mjs");
  return loaded;
}

function sumUp(files: readonly Part[], groupOf: (file: string) => string): Part[] {
  const sums = new Map<string, number>();
  for (const { name, bytes } of files) sums.set(groupOf(name), (sums.get(groupOf(name)) ?? 0) + bytes);
  return largestFirst([...sums].map(([name, bytes]) => ({ name, bytes })));
}

const largestFirst = (parts: readonly Part[]) => parts.toSorted((a, b) => b.bytes - a.bytes);

function packageOf(file: string): string {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? "keyturn";
}
