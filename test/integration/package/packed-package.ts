import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";
import { buildPackage } from "../../../client/build.ts";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";

const run = promisify(execFile);

/** Commands of this repository's packages, to be run by Node. */
export const commandPath = (name: string) => join(PROJECT_ROOT, "node_modules/.bin", name);

const Names = z.record(z.string(), z.string());
const Manifest = z.object({
  exports: z.record(z.string(), z.unknown()),
  dependencies: Names,
  peerDependencies: Names,
});
const PackOutput = z.tuple([z.object({ filename: z.string() })]);

/** Who installs the package. */
export interface ProjectOptions {
  readonly type: "module" | "commonjs";
  /** Installed beside `keyturn`. They are links to this repository's, since a test has no registry. */
  readonly packages: readonly string[];
  /** Text by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What `npm pack` makes of the build, and projects that have it installed. */
export interface PackedPackage {
  readonly tarball: string;
  /** The tarball's content. */
  readonly content: string;
  /** Where the build was, which is on this machine alone. */
  readonly buildFolder: string;
  /** As they are imported: `keyturn`, `keyturn/pg`, … */
  readonly entries: readonly string[];
  readonly dependencies: readonly string[];
  readonly peers: readonly string[];
  /** What an entry cannot do without, of the packages that a service chooses itself: its driver, or its AWS client. */
  driverOf(entry: string): readonly string[];
  /** Returns the project's folder. */
  createProject(options: ProjectOptions): Promise<string>;
  remove(): Promise<void>;
}

/** Builds and packs as a release does, in a temporary folder. */
export async function packPackage(): Promise<PackedPackage> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-npm-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    return { ...(await packInto(folder)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function packInto(folder: string): Promise<Omit<PackedPackage, "remove">> {
  const buildFolder = join(folder, "build");
  await mkdir(buildFolder);
  await buildPackage(buildFolder);
  const { stdout } = await run("npm", ["pack", "--json", "--offline", "--pack-destination", folder], {
    cwd: buildFolder,
    env: { ...process.env, npm_config_cache: join(folder, "npm-cache"), npm_config_update_notifier: "false" },
  });
  const [{ filename }] = PackOutput.parse(JSON.parse(stdout));
  const tarball = join(folder, filename);
  await run("tar", ["-xzf", tarball, "-C", folder]);
  const content = join(folder, "package");

  const manifest = Manifest.parse(JSON.parse(await readFile(join(content, "package.json"), "utf8")));
  const peers = Object.keys(manifest.peerDependencies);
  let projects = 0;
  return {
    tarball,
    content,
    buildFolder,
    entries: Object.keys(manifest.exports)
      .filter((name) => name !== "./package.json")
      .map((name) => name.replace(".", "keyturn")),
    dependencies: Object.keys(manifest.dependencies),
    peers,
    driverOf: (entry) => peers.filter((peer) => entry === `keyturn/${peer.replace("@aws-sdk/client-", "")}`),
    async createProject({ type, packages, files }) {
      projects += 1;
      const project = join(folder, `project-${projects}`);
      // A copy, not a link: what it imports must be found in this project or nowhere.
      await cp(content, join(project, "node_modules/keyturn"), { recursive: true });
      for (const name of packages) {
        const link = join(project, "node_modules", name);
        await mkdir(dirname(link), { recursive: true });
        await symlink(join(PROJECT_ROOT, "node_modules", name), link);
      }
      const manifest = { name: "installs-keyturn", private: true, type };
      for (const [path, text] of Object.entries({ ...files, "package.json": JSON.stringify(manifest) })) {
        await writeFile(join(project, path), text);
      }
      return project;
    },
  };
}
