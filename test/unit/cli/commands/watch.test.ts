import { expect, test } from "vitest";
import type { Channel } from "../../../../cli/src/aws/channel.ts";
import { createHistoryStream } from "../../../../cli/src/commands/history-stream.ts";
import { watchChannel, watchLedger } from "../../../../cli/src/commands/watch.ts";
import type { HistoryEntry } from "../../../../shared/aws/ledger.ts";
import { NEW, NOW, SECRET_ARN } from "../fixtures.ts";
import { listen } from "../said.ts";

const noticed = (at: string): HistoryEntry => ({ at, versionId: NEW, what: "noticed" });

test("an entry is told once, also one that is written late", async () => {
  const entries = [noticed("2026-11-20T11:59:58.000Z")];
  const asked: (Date | undefined)[] = [];
  const ledger = {
    readHistory: async (_arn: string, { since }: { since?: Date } = {}) => {
      asked.push(since);
      return entries.filter(({ at }) => !since || at >= since.toISOString());
    },
  };
  let now = NOW;
  const stream = createHistoryStream(ledger, SECRET_ARN, new Date("2026-11-20T11:59:50.000Z"), () => now);
  expect(await stream.next()).toEqual([entries[0]]);
  now = new Date(NOW.getTime() + 5_000);
  entries.push(noticed("2026-11-20T11:59:57.000Z"));
  expect(await stream.next()).toEqual([entries[1]]);
  expect(await stream.next()).toEqual([]);
});

/** A ledger to which entries come, and what it was asked. */
function growingLedger(entries: readonly HistoryEntry[]) {
  const asked: (Date | undefined)[] = [];
  const readHistory = async (_arn: string, { since }: { since?: Date } = {}) => {
    asked.push(since);
    return entries.filter(({ at }) => !since || at >= since.toISOString());
  };
  return { asked, ledger: { readHistory } };
}
const before = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);

test("begins where it is told to, however long ago that is", async () => {
  const entries = [noticed(before(6_000).toISOString()), noticed(before(20).toISOString())];
  const stream = createHistoryStream(growingLedger(entries).ledger, SECRET_ARN, before(10_000), () => NOW);
  expect(await stream.next()).toEqual(entries);
  expect(await stream.next()).toEqual([]);
});

test.each([
  ["a report that came with its last delivery", 6],
  ["a rotation that the hourly reconcile found", 66],
])("tells of %s, %i minutes after what it tells of", async (_what, minutes) => {
  const entries: HistoryEntry[] = [];
  let now = before(0);
  const stream = createHistoryStream(growingLedger(entries).ledger, SECRET_ARN, before(10_000), () => now);
  await stream.next();
  now = new Date(NOW.getTime() + minutes * 60_000);
  await stream.next();
  entries.push(noticed(NOW.toISOString()));
  expect(await stream.next()).toEqual(entries);
});

test("misses nothing of a pause that is longer than it looks back, and does not read all of the past each time", async () => {
  const entries: HistoryEntry[] = [];
  const { asked, ledger } = growingLedger(entries);
  let now = before(0);
  const stream = createHistoryStream(ledger, SECRET_ARN, before(10_000), () => now);
  await stream.next();
  entries.push(noticed(new Date(NOW.getTime() + 60_000).toISOString()));
  now = new Date(NOW.getTime() + 86_400_000);
  expect(await stream.next()).toEqual(entries);
  await stream.next();
  expect(asked.at(-1)?.getTime()).toBeGreaterThan(now.getTime() - 2 * 3_600_000);
});

test("watching tells of every secret, one line of JSON for each entry, until it is asked to end", async () => {
  const ending = new AbortController();
  const said = listen(true);
  let rounds = 0;
  const exitCode = await watchLedger(
    { since: new Date(0), intervalMs: 1 },
    {
      ledger: {
        listSecrets: async function* () {
          yield { secretArn: SECRET_ARN, versionId: NEW, currentSince: NOW.toISOString() };
          yield { secretArn: "vault:kv/db", versionId: "17", currentSince: NOW.toISOString() };
        },
        readHistory: async () => [noticed(NOW.toISOString())],
      },
      now: () => NOW,
      signal: ending.signal,
      pause: async () => {
        rounds += 1;
        if (rounds === 2) ending.abort();
      },
    },
    said.say,
  );
  expect(exitCode).toBe(0);
  expect(said.out().map((line) => JSON.parse(line))).toEqual([
    { secretArn: SECRET_ARN, ...noticed(NOW.toISOString()) },
    { secretArn: "vault:kv/db", ...noticed(NOW.toISOString()) },
  ]);
});

test("a look that fails later is noted, and the next one tells what it missed; the first one must succeed", async () => {
  const ending = new AbortController();
  const said = listen();
  const throttled = Object.assign(new Error("Rate exceeded"), { name: "ThrottlingException" });
  let looks = 0;
  const ledger = {
    listSecrets: async function* () {
      yield { secretArn: SECRET_ARN, versionId: NEW, currentSince: NOW.toISOString() };
    },
    readHistory: async () => {
      looks += 1;
      if (looks === 2 || looks === 3) throw throttled;
      return looks === 1 ? [] : [noticed(NOW.toISOString())];
    },
  };
  const pause = async () => {
    if (looks === 4) ending.abort();
  };
  const ports = { ledger, now: () => NOW, signal: ending.signal, pause };
  expect(await watchLedger({ since: new Date(0), intervalMs: 1 }, ports, said.say)).toBe(0);
  expect(said.err().filter((line) => line.includes("Rate exceeded"))).toHaveLength(1);
  expect(said.out()).toHaveLength(1);

  const failing = { ...ledger, readHistory: () => Promise.reject(throttled) };
  const atOnce = watchLedger({ since: new Date(0), intervalMs: 1 }, { ...ports, ledger: failing }, said.say);
  await expect(atOnce).rejects.toBe(throttled);
});

test("a channel that is lost is opened again; one that cannot be opened at first is an error", async () => {
  const ending = new AbortController();
  const said = listen();
  const filters: string[][] = [];
  const channel: Channel = {
    async open(asked, onMessage) {
      filters.push([...asked]);
      if (filters.length === 2) throw new Error("the broker is away");
      onMessage(
        "keyturn/prod/notices/orders:db-OurebW",
        JSON.stringify({
          v: 1,
          kind: "credential-rotated",
          secretArn: SECRET_ARN,
          versionId: NEW,
          currentSince: NOW.toISOString(),
          noticedAt: NOW.toISOString(),
        }),
      );
      onMessage("keyturn/prod/reports/x", "no JSON");
      return { closed: Promise.resolve(), close: async () => undefined };
    },
  };
  let pauses = 0;
  const pause = async () => {
    pauses += 1;
    if (pauses === 3) ending.abort();
  };
  await watchChannel(channel, "keyturn/prod", { pause, signal: ending.signal }, said.say);
  expect(filters).toEqual(Array(3).fill(["keyturn/prod/notices/+", "keyturn/prod/reports/+"]));
  expect(said.out()).toEqual(
    Array(2).fill("2026-11-20 12:00:00.000  noticed           22222222  services were told  orders/db"),
  );
  expect(said.err().join("\n")).toContain("the broker is away");

  const refusing: Channel = { open: () => Promise.reject(new Error("refused")) };
  const signal = new AbortController().signal;
  await expect(watchChannel(refusing, "keyturn/prod", { pause, signal }, said.say)).rejects.toThrow(
    "refused",
  );
});
