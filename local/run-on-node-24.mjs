// Starts a TypeScript entry point, on a Node that can run it. Plain JavaScript, so that an older Node gets as far
// as the message. `npm ci` installs Node 24 as a platform package and `npm run` puts it first on the PATH;
// where there is no such package for the platform, npm falls back to the machine's own Node without a word.
import { pathToFileURL } from "node:url";

const MINIMUM = 24;
const major = Number(process.versions.node.split(".")[0]);
const [entry, ...rest] = process.argv.slice(2);

if (major < MINIMUM) {
  console.error(
    `Keyturn needs Node ${MINIMUM}; this is ${process.version} (${process.execPath}).\n` +
      `Start it by its npm script (npm run local, npm run demo) after npm ci: that brings Node ${MINIMUM} for Linux x64 and arm64 and macOS arm64.\n` +
      `On ${process.platform} ${process.arch} without it, install Node ${MINIMUM} or newer yourself.`,
  );
  process.exit(1);
}
if (!entry) {
  console.error("Usage: node local/run-on-node-24.mjs ENTRY.ts [arguments]");
  process.exit(2);
}
process.argv = [process.argv[0], entry, ...rest];
await import(pathToFileURL(entry).href);
