import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BuildOptions } from "esbuild";
import * as z from "zod/mini";
import { PROJECT_ROOT, serverlessCommand } from "../../local/package-stack.ts";

/** A function of serverless.yml. */
export interface DeployedFunction {
  readonly name: string;
  /** From the project's root. */
  readonly entryPoint: string;
  /** What is plain text there; references to other resources are left out. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Deployment {
  readonly functions: readonly DeployedFunction[];
  /** How serverless.yml has its functions bundled, as esbuild takes it. */
  readonly bundling: BuildOptions;
}

const Environment = z.record(z.string(), z.unknown());
const Printed = z.object({
  provider: z.object({ environment: Environment }),
  custom: z.object({
    esbuild: z.looseObject({ exclude: z.array(z.string()), external: z.array(z.string()) }),
  }),
  functions: z.record(z.string(), z.object({ handler: z.string(), environment: z.optional(Environment) })),
});

/** Options of serverless-esbuild itself; esbuild would refuse them. */
const OF_THE_PLUGIN = new Set(["exclude", "outputFileExtension", "outputWorkFolder"]);

/**
 * Reads serverless.yml as the Serverless Framework does, so that what is measured is bundled as what is deployed.
 *
 * @throws the framework's own error where serverless.yml is wrong
 */
export async function readDeployment(stage = "local"): Promise<Deployment> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [serverlessCommand(), "print", "--format", "json", "--stage", stage],
    {
      cwd: PROJECT_ROOT,
      env: { ...process.env, SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off" },
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  const { provider, custom, functions } = z.parse(Printed, JSON.parse(stdout));
  return {
    functions: Object.entries(functions).map(([name, { handler, environment }]) => ({
      name,
      entryPoint: handler.replace(/\.\w+$/, ".ts"),
      environment: plainTexts({ ...provider.environment, ...environment }),
    })),
    bundling: {
      ...Object.fromEntries(Object.entries(custom.esbuild).filter(([option]) => !OF_THE_PLUGIN.has(option))),
      // What the plugin excludes, it leaves out of the bundle as it does what is external.
      external: [...custom.esbuild.external, ...custom.esbuild.exclude],
    },
  };
}

function plainTexts(environment: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      typeof value === "string" || typeof value === "number" ? [[name, String(value)]] : [],
    ),
  );
}
