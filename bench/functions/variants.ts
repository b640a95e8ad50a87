import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildOptions, Plugin } from "esbuild";
import { bundle } from "./bundle.ts";

/** A function as it is deployed, and one that makes the same calls without middleware. */
export interface Variants {
  readonly deployed: string;
  readonly bare: string;
}

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Swaps the middleware for what is written by hand; everything else, handler.ts included, stays the same. */
const withoutMiddleware: Plugin = {
  name: "without-middleware",
  setup(build) {
    build.onResolve({ filter: /\/sqs-handler\.ts$/ }, () => ({ path: fileOf("bare-sqs-handler.ts") }));
    build.onResolve({ filter: /^@aws-lambda-powertools\/metrics$/ }, () => ({
      path: fileOf("bare-metrics.ts"),
    }));
  },
};

/** @returns paths of both bundles, in the folder */
export async function buildVariants(
  name: string,
  entryPoint: string,
  bundling: BuildOptions,
  folder: string,
): Promise<Variants> {
  const deployed = join(folder, name, "deployed");
  const bare = join(folder, name, "bare");
  await bundle({ entryPoint, bundling, out: deployed });
  const { files } = await bundle({ entryPoint, bundling, out: bare, plugins: [withoutMiddleware] });
  const left = files.find(({ name: file }) => /node_modules\/(@middy|@aws-lambda-powertools)\//.test(file));
  if (left) throw new Error(`The bare ${name} still has ${left.name}; see ${fileOf("variants.ts")}`);
  return { deployed: join(deployed, "handler.mjs"), bare: join(bare, "handler.mjs") };
}
