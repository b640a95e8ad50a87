/** One single-user rotation under load, for each way in which a service may follow it. */
import { setTimeout as sleep } from "node:timers/promises";
import { CONTENDERS, type Contender } from "./contenders.ts";
import { interleave, median } from "./measure.ts";
import { now } from "./now.ts";
import { startOpenLoop } from "./open-loop.ts";
import { publish, readArguments } from "./publish.ts";
import { type Services, startServices } from "./services.ts";

/** About four connections at work, each of which is replaced several times between new password and AWSCURRENT. */
const QUERIES_PER_SECOND = 200;
const QUERY = "select pg_backend_pid() as pid, pg_sleep(0.02)";
const MAX = 10;
const LIFETIME_SECONDS = 0.2;
const FIVE_MINUTES_MS = 300_000;

interface Outcome {
  readonly queries: number;
  readonly failedQueries: number;
  /** From the first to the last query that failed, by when they were due. */
  readonly failingMs: number;
  readonly refusedLogins: number;
  /** From AWSCURRENT to the first answer on a session that began after the password had changed. */
  readonly firstUseMs: number;
  readonly longestMs: number;
}

interface Timing {
  /** Half of it goes by before AWSCURRENT moves, all of it afterwards, to watch what comes of it. */
  readonly pollMs: number;
  readonly gapMs: number;
}

async function rotateUnder(
  contender: Contender,
  services: Services,
  user: string,
  { pollMs, gapMs }: Timing,
): Promise<Outcome> {
  const { arn } = await services.call("createSecret", [user], true);
  const startedAt = now();
  const opened = await contender({
    services,
    secretArn: arn,
    max: MAX,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    pollMs,
  });
  const answers: { pid: number; at: number }[] = [];
  const load = startOpenLoop(QUERIES_PER_SECOND, async () => {
    const { rows } = await opened.query(QUERY);
    answers.push({ pid: rows[0]?.pid ?? 0, at: now() });
  });
  // AWSCURRENT moves half an interval before a poll: neither the best case of a poller nor its worst.
  await sleep(pollMs / 2 - gapMs);
  const { passwordSetAt, currentAt } = await services.call("rotate", arn, user, gapMs);
  await sleep(pollMs);
  await load.stop();
  const { refusedAt, sessions } = await services.call("logins");
  await opened.close();

  const fresh = new Set(sessions.filter((one) => one.connectedAt > passwordSetAt).map(({ pid }) => pid));
  const firstUse = answers.find(({ pid, at }) => at > passwordSetAt && fresh.has(pid));
  const failed = load.samples.filter(({ error }) => error !== undefined).map(({ dueAt }) => dueAt);
  return {
    queries: load.samples.length,
    failedQueries: failed.length,
    failingMs: failed.length === 0 ? 0 : Math.max(...failed) - Math.min(...failed),
    refusedLogins: refusedAt.filter((at) => at > startedAt).length,
    firstUseMs: firstUse === undefined ? Number.POSITIVE_INFINITY : firstUse.at - currentAt,
    longestMs: Math.max(...load.samples.map(({ latencyMs }) => latencyMs)),
  };
}

const { rounds, pollMs, gapMs, json } = readArguments({ rounds: 3, pollMs: 5_000, gapMs: 1_000 });
// The wrapper's own pool leaves an "error" listener on a connection with every query, of which Node warns each time.
process.removeAllListeners("warning");
const services = await startServices();
try {
  let runs = 0;
  const outcomes = await interleave(
    Object.fromEntries(
      Object.entries(CONTENDERS).map(([name, contender]) => [
        name,
        () => {
          runs += 1;
          return rotateUnder(contender, services, `orders_${runs}`, { pollMs, gapMs });
        },
      ]),
    ),
    rounds,
  );
  const rows = Object.entries(outcomes).map(([name, each]) => {
    const of = (key: keyof Outcome) => median(each.map((outcome) => outcome[key]));
    return {
      "follows the secret by": name,
      "failed queries": `${Math.round(of("failedQueries"))} of ${Math.round(of("queries"))}`,
      "failing for, ms": Math.round(of("failingMs")),
      "logins that the store refused": Math.round(of("refusedLogins")),
      "first use after AWSCURRENT, ms": Number.isFinite(of("firstUseMs"))
        ? Math.round(of("firstUseMs"))
        : `never, in ${pollMs}`,
      "longest query, ms": Math.round(of("longestMs")),
    };
  });
  const polled = outcomes["poller that swaps pools"] ?? [];
  const share = median(polled.map(({ failedQueries }) => failedQueries)) / (gapMs + pollMs / 2);
  const expected = Math.round(share * (gapMs + FIVE_MINUTES_MS / 2));
  publish(
    {
      title: "One single-user rotation under load",
      notes: [
        `${QUERIES_PER_SECOND} queries a second (open loop) of 20 ms, max ${MAX}, connections live ${LIFETIME_SECONDS} s; ${gapMs} ms between the new password and AWSCURRENT; medians of ${rounds} rotations each. The notice is sent at once: the way of the pipeline comes on top.`,
        `The poller polls every ${pollMs} ms here. Expected, not measured, for five minutes at the same rate of failure: ${expected} failed queries in the mean, over ${Math.round((gapMs + FIVE_MINUTES_MS / 2) / 1000)} s.`,
      ],
      rows,
    },
    json,
  );
} finally {
  await services.stop();
}
