import * as z from "zod/mini";
import type { Watch } from "../rotation/watch.ts";

const parts = (text: string) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** `key=value`; the value may hold further equals signs. */
const TAG = /^([^=]+)=(.*)$/;

/** Environment variables of every function that decides by {@link Watch}; empty or absent, all secrets are watched. */
export const watchVariables = {
  /** Prefixes of names, separated by commas. */
  WATCHED_PREFIXES: z.pipe(
    z.optional(z.string()),
    z.transform((text) => parts(text ?? "")),
  ),
  /** `key=value`, separated by commas. */
  WATCHED_TAGS: z.pipe(
    z.pipe(
      z.optional(z.string()),
      z.transform((text) => parts(text ?? "")),
    ),
    z.pipe(
      z.array(z.string().check(z.regex(TAG, "is not key=value"))),
      z.transform((tags) =>
        tags.map((tag) => {
          const [, key = "", value = ""] = TAG.exec(tag) ?? [];
          return { key, value };
        }),
      ),
    ),
  ),
};

/**
 * @example const config = readConfig(z.object({ LEDGER_TABLE: requiredText, ...watchVariables }), process.env);
 * createSecrets(createSecretsManagerClient(), watchOf(config));
 */
export function watchOf(config: {
  readonly WATCHED_PREFIXES: Watch["prefixes"];
  readonly WATCHED_TAGS: Watch["tags"];
}): Watch {
  return { prefixes: config.WATCHED_PREFIXES, tags: config.WATCHED_TAGS };
}
