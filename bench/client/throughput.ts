/** Queries and checkouts a second of the rotating pool against a bare `pg.Pool` with the same options. */
import pg from "pg";
import { formatSpread, interleave, median, ratios, spread } from "./measure.ts";
import { openPool } from "./open-pool.ts";
import { publish, readArguments } from "./publish.ts";
import { startServices } from "./services.ts";

const WORKERS = [1, 10, 50];
const MAX = 10;

type Work = (pool: pg.Pool) => Promise<void>;

const SHAPES: Readonly<Record<string, Work>> = {
  async "pool.query"(pool) {
    await pool.query("select 1");
  },
  async "connect, release"(pool) {
    (await pool.connect()).release();
  },
};

interface Rate {
  readonly perSecond: number;
  /** Of this process; steadier than time where the machine is not ours alone. */
  readonly cpuMicros: number;
}

async function measure(pool: pg.Pool, work: Work, workers: number, roundMs: number): Promise<Rate> {
  let done = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const until = startedAt + roundMs;
  const keepWorking = async () => {
    while (performance.now() < until) {
      await work(pool);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: workers }, keepWorking));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: done / seconds, cpuMicros: (user + system) / done };
}

const { rounds, roundMs, json } = readArguments({ rounds: 15, roundMs: 500 });
const services = await startServices();
try {
  const { arn, login } = await services.call("createSecret", ["orders"], false);
  const rotating = await openPool(services, { secretId: arn, max: MAX });
  const bare = new pg.Pool({ ...login, max: MAX });
  // The same thing twice: how far its ratio is from 1 is what this run cannot tell apart.
  const control = new pg.Pool({ ...login, max: MAX });
  const rows = [];
  for (const [shape, work] of Object.entries(SHAPES)) {
    for (const workers of WORKERS) {
      const run = (pool: pg.Pool) => () => measure(pool, work, workers, roundMs);
      const rates = await interleave(
        { bare: run(bare), rotating: run(rotating), control: run(control) },
        rounds,
      );
      const perSecond = (name: keyof typeof rates) => rates[name].map((rate) => rate.perSecond);
      const cpu = (name: keyof typeof rates) => rates[name].map((rate) => rate.cpuMicros);
      rows.push({
        what: shape,
        workers,
        "bare/s": Math.round(median(perSecond("bare"))),
        "keyturn/s": Math.round(median(perSecond("rotating"))),
        "keyturn : bare": formatSpread(spread(ratios(perSecond("rotating"), perSecond("bare")))),
        "bare : bare": formatSpread(spread(ratios(perSecond("control"), perSecond("bare")))),
        "CPU, keyturn : bare": formatSpread(spread(ratios(cpu("rotating"), cpu("bare")))),
      });
    }
  }
  publish(
    {
      title: "Throughput",
      notes: [`max ${MAX}; medians of ${rounds} interleaved rounds of ${roundMs} ms, quartiles in brackets.`],
      rows,
    },
    json,
  );
  await Promise.all([rotating.end(), bare.end(), control.end()]);
} finally {
  await services.stop();
}
