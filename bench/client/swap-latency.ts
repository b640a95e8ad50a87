/** p99 latency in the second around a swap against that of the seconds in which nothing happens. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RotatingPool } from "keyturn/pg";
import { formatSpread, quantile, spread } from "./measure.ts";
import { type Sample, startOpenLoop } from "./open-loop.ts";
import { openPool } from "./open-pool.ts";
import { publish, readArguments } from "./publish.ts";
import { startServices } from "./services.ts";

const MAX = 10;
const GAP_MS = 100;
/** Between two swaps: the second around each, and whole quiet seconds beside it. */
const PERIOD_MS = 4_000;
const WARM_UP_MS = 2_000;
const USERS = { "single user": ["orders"], "alternating users": ["stock", "stock_clone"] } as const;

/** Queries a second where the next one is sent as soon as one is answered. */
async function capacityOf(pool: RotatingPool, forMs: number): Promise<number> {
  let done = 0;
  const startedAt = performance.now();
  const work = async () => {
    while (performance.now() < startedAt + forMs) {
      await pool.query("select 1");
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: 5 * MAX }, work));
  return (done / (performance.now() - startedAt)) * 1000;
}

const p99 = (samples: readonly Sample[], from: number) =>
  quantile(
    samples.filter(({ dueAt }) => dueAt >= from && dueAt < from + 1000).map(({ latencyMs }) => latencyMs),
    0.99,
  );

/** Light and busy as shares of the capacity; a machine that others use, too, may not carry 0.6 throughout. */
const { swaps, light, busy, json } = readArguments({ swaps: 8, light: 0.1, busy: 0.6 });
const services = await startServices();
try {
  const rows = [];
  for (const [kind, users] of Object.entries(USERS)) {
    const { arn } = await services.call("createSecret", users, false);
    const pool = await openPool(services, { secretId: arn, max: MAX });
    await capacityOf(pool, 500);
    const capacity = await capacityOf(pool, 1000);
    let rotations = 0;
    for (const share of [light, busy]) {
      const load = startOpenLoop(capacity * share, async () => void (await pool.query("select 1")));
      await sleep(WARM_UP_MS);
      const around: number[] = [];
      const quiet: number[] = [];
      for (let swap = 0; swap < swaps; swap += 1) {
        rotations += 1;
        const { versionId, currentAt } = await services.call(
          "rotate",
          arn,
          users[rotations % users.length] ?? users[0],
          GAP_MS,
        );
        const swappedAt = currentAt - performance.timeOrigin;
        await services.call("reported", versionId);
        await sleep(PERIOD_MS);
        around.push(p99(load.samples, swappedAt - 500));
        quiet.push(p99(load.samples, swappedAt + 1_000), p99(load.samples, swappedAt + 2_500));
      }
      await load.stop();
      const steady = spread(quiet);
      const longest = load.samples.reduce((most, { latencyMs }) => Math.max(most, latencyMs), 0);
      rows.push({
        rotation: kind,
        load: `${Math.round(share * 100)} %, ${Math.round(capacity * share)}/s`,
        "p99 steady, ms": formatSpread(steady, 2),
        "p99 around a swap, ms": formatSpread(spread(around), 2),
        ratio: formatSpread(spread(around.map((value) => value / steady.median)), 2),
        "worst second": (Math.max(...around) / steady.median).toFixed(2),
        "longest, ms": longest.toFixed(1),
        failed: load.samples.filter(({ error }) => error !== undefined).length,
      });
    }
    await pool.end();
  }
  publish(
    {
      title: "Latency around a swap",
      notes: [
        `max ${MAX}; open loop at a share of the measured capacity, latency from when a query was due; ${swaps} swaps each; medians, quartiles in brackets.`,
      ],
      rows,
    },
    json,
  );
} finally {
  await services.stop();
}
