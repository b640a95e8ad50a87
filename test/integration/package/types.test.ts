import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandPath, type PackedPackage, packPackage } from "./packed-package.ts";

const run = promisify(execFile);

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
});
afterAll(() => packed?.remove());

const SERVICE = `
import pg from "pg";
import { createRotatingPool, KeyturnError, type RotatingPool, type SecretSource } from "keyturn/pg";

export async function start(secrets: SecretSource): Promise<pg.Pool> {
  const pool: RotatingPool = await createRotatingPool({ secretId: process.env.DB_SECRET_ID, max: 20, secrets });
  const { rows } = await pool.query<{ one: number }>("select 1 as one");
  const one: number | undefined = rows[0]?.one;
  // @ts-expect-error: a row has what the query says and no more
  void rows[0]?.two;
  // @ts-expect-error: the password comes from the secret
  void createRotatingPool({ secretId: "orders", password: "EXAMPLE" });
  return one === 1 ? pool : Promise.reject(new KeyturnError("NO_ROW", "No row"));
}
`;

/** A namespace that TypeScript could not resolve would be `any`, and have every member. */
const usesOf = (entries: readonly string[]) =>
  entries
    .map(
      (entry, at) =>
        `import * as entry${at} from "${entry}";\n// @ts-expect-error: no such export\nvoid entry${at}.noSuchExport;\n`,
    )
    .join("");

const typeCheck = (project: string) =>
  run(process.execPath, [commandPath("tsc"), "-p", "."], { cwd: project }).then(
    () => "no errors",
    ({ stdout }: { readonly stdout: string }) => stdout,
  );

const tsconfig = (module: string, moduleResolution: string) =>
  JSON.stringify({
    compilerOptions: {
      target: "es2022",
      module,
      moduleResolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: ["node"],
    },
    files: ["index.ts"],
  });

const SETTINGS = [
  { type: "module", module: "nodenext", moduleResolution: "nodenext" },
  { type: "commonjs", module: "nodenext", moduleResolution: "nodenext" },
  { type: "module", module: "preserve", moduleResolution: "bundler" },
] as const;

test.each(SETTINGS)(
  "type-checks in a project of type $type under $moduleResolution",
  async ({ type, module, moduleResolution }) => {
    const project = await packed.createProject({
      type,
      packages: [...packed.dependencies, ...packed.peers, "@types/node"],
      files: {
        "tsconfig.json": tsconfig(module, moduleResolution),
        "index.ts": SERVICE + usesOf(packed.entries),
      },
    });
    expect(await typeCheck(project)).toBe("no errors");
  },
);

test("the types of an entry need no driver but its own", async () => {
  for (const entry of packed.entries) {
    const drivers = packed.driverOf(entry);
    const typesOfDrivers = packed.peers.filter((peer) => drivers.includes(peer.replace("@types/", "")));
    const project = await packed.createProject({
      type: "module",
      packages: [...packed.dependencies, ...typesOfDrivers, "@types/node"],
      files: { "tsconfig.json": tsconfig("nodenext", "nodenext"), "index.ts": usesOf([entry]) },
    });
    expect(await typeCheck(project), entry).toBe("no errors");
  }
});
