import { existsSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";

/** A Node and a kind of project that the package is for. */
export interface NodeProject {
  readonly version: string;
  readonly node: string;
  readonly type: "module" | "commonjs";
  /** There is no such Node on this machine. */
  readonly skip: boolean;
}

/** Installed for Linux alone. There its absence is a failure. */
const node22 = join(PROJECT_ROOT, `node_modules/node22-linux-${process.arch}/bin/node`);

const NODES = [
  { version: "v24", node: process.execPath, skip: false },
  { version: "v22", node: node22, skip: process.platform !== "linux" && !existsSync(node22) },
];

export const NODE_PROJECTS: readonly NodeProject[] = NODES.flatMap((node) => [
  { ...node, type: "module" },
  { ...node, type: "commonjs" },
]);

/** A line that loads all of an entry, as the project's type has it. */
export const loadLine = (type: NodeProject["type"], binding: string, specifier: string) =>
  type === "module"
    ? `import * as ${binding} from "${specifier}";\n`
    : `const ${binding} = require("${specifier}");\n`;
