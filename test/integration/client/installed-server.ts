import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian puts servers where only root's PATH leads. */
const ALSO_IN = ["/usr/sbin", "/usr/local/sbin"];

/**
 * Where the first of these programs is that is installed on this machine; undefined where none is. Tests that need it
 * are skipped then.
 *
 * @throws Error where none is and `KEYTURN_REQUIRE_STORES=1` says that all stores are to be there, as in CI
 */
export function findServer(...names: string[]): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...ALSO_IN];
  const found = names
    .flatMap((name) => folders.filter(Boolean).map((folder) => join(folder, name)))
    .find(isExecutable);
  if (!found && process.env.KEYTURN_REQUIRE_STORES === "1") {
    throw new Error(`${names.join(" or ")} is not installed, and KEYTURN_REQUIRE_STORES is set`);
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
