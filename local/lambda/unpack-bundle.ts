import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { unzipSync } from "fflate";

/**
 * Unpacks a function's zip into a new temporary folder, which the caller removes.
 *
 * @throws Error where the zip cannot be read, or holds a path that leads out of the folder
 */
export async function unpackBundle(zipPath: string): Promise<string> {
  const zip = await readFile(zipPath).catch((cause: unknown) => {
    throw new Error(`Function bundle ${zipPath} cannot be read. Package the stack first.`, { cause });
  });
  const folder = await mkdtemp(join(tmpdir(), "keyturn-function-"));
  try {
    for (const [name, content] of Object.entries(unzipSync(zip))) {
      const path = resolve(folder, name);
      if (!path.startsWith(folder + sep))
        throw new Error(`Function bundle ${zipPath} holds the path ${name}`);
      if (name.endsWith("/")) continue;
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
