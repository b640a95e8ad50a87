import { readdirSync, readFileSync } from "node:fs";

const EVENTS = new URL("../../events/", import.meta.url);

/** The samples of a folder in events/. */
export function readSamples(folder: string): readonly unknown[] {
  const path = new URL(`${folder}/`, EVENTS);
  return readdirSync(path).map((name) => JSON.parse(readFileSync(new URL(name, path), "utf8")));
}

/** Numbers from 0 to below 1, the same ones for the same seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  "",
  " ",
  "null",
  "AWSPENDING",
  "__proto__",
  "constructor",
  "Credential Rotated",
  "2026-13-45T99:99:99Z",
  "9999-12-31T23:59:59Z",
  "arn:aws:secretsmanager:us-east-1:000000000000:secret:",
  "x".repeat(5_000),
  "\u0000\ud800",
  [],
  [null],
  {},
  { v: 1 },
  JSON.parse('{"__proto__":{"v":1}}'),
];

type Parent = Record<string, unknown>;

/**
 * Makes events that nobody would send of samples of those that somebody does: fields are gone, renamed, of another type,
 * taken from another sample, or cut and changed by a character.
 *
 * @returns a function that makes the next one; the same ones for the same seed
 */
export function createMutator(samples: readonly unknown[], seed: number): () => unknown {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

  /** Every place in the value, as an object and one of its keys. */
  const placesIn = (value: unknown): { readonly parent: Parent; readonly key: string }[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [
          { parent: value as Parent, key },
          ...placesIn(inner),
        ])
      : [];

  const changeText = (text: string): string => {
    const at = Math.floor(random() * (text.length + 1));
    return pick([
      text.slice(0, at),
      text.slice(at),
      `${text.slice(0, at)}${pick(["#", "/", " ", "é", "\n", "-", "a", ":"])}${text.slice(at + 1)}`,
      text + text,
      text.toUpperCase(),
    ]);
  };

  const mutate = (event: unknown): void => {
    const places = placesIn(event);
    if (places.length === 0) return;
    const { parent, key } = pick(places);
    const value = parent[key];
    const change = Math.floor(random() * 6);
    if (change === 0) delete parent[key];
    else if (change === 1) parent[key] = structuredClone(pick(HOSTILE));
    else if (change === 2 && typeof value === "string") parent[key] = changeText(value);
    else if (change === 3) {
      const other = pick(placesIn(pick(samples)));
      parent[key] = structuredClone(other.parent[other.key]);
    } else if (change === 4) {
      delete parent[key];
      parent[changeText(key)] = value;
    } else parent[key] = pick([[value], { value }, String(value), [value, value]]);
  };

  return () => {
    if (random() < 0.01) return structuredClone(pick(HOSTILE));
    const event = structuredClone(pick(samples));
    const changes = 1 + Math.floor(random() * 4);
    for (let change = 0; change < changes; change++) mutate(event);
    return event;
  };
}
