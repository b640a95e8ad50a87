/** What a thousand rotations leave behind in a process: heap, handles, timers, and sessions in the store. */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startOpenLoop } from "./open-loop.ts";
import { openPool } from "./open-pool.ts";
import { publish, type Row, readArguments } from "./publish.ts";
import { startServices } from "./services.ts";

const USERS = ["orders", "orders_clone"];
const QUERIES_PER_SECOND = 200;
/** After this, what a rotation needs is closed: drained pools, sockets, answers on their way. */
const SETTLE_MS = 1_500;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const { rotations, every, json } = readArguments({ rotations: 1_000, every: 100 });
const services = await startServices();
try {
  const { arn } = await services.call("createSecret", USERS, false);
  const pool = await openPool(services, { secretId: arn, max: 5 });
  const rows: Row[] = [];
  let failed = 0;
  for (let done = 0; done <= rotations; done += every) {
    const load = startOpenLoop(QUERIES_PER_SECOND, async () => void (await pool.query("select 1")));
    for (let nth = 1; done > 0 && nth <= every; nth += 1) {
      // Two of three change the password of the user that is in use, the others change the user.
      const next = USERS[Math.floor(nth / 3) % 2] ?? "orders";
      const { versionId } = await services.call("rotate", arn, next, 0);
      await services.call("reported", versionId);
    }
    if (done === 0) await sleep(SETTLE_MS);
    await load.stop();
    failed += load.samples.filter(({ error }) => error !== undefined).length;
    await sleep(SETTLE_MS);
    collectGarbage();
    // What is only weakly held goes with the second: its finalizers have run by then.
    await sleep(50);
    collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    const handles = process.getActiveResourcesInfo();
    const count = (kind: string) => handles.filter((handle) => handle === kind).length;
    rows.push({
      rotations: done,
      "heap, kB": Math.round(heapUsed / 1024),
      "RSS, MB": Math.round(rss / 2 ** 20),
      sockets: count("TCPSocketWrap"),
      timers: count("Timeout"),
      handles: handles.length,
      "sessions in the store": await services.call("sessionsOf", USERS),
      "pool.totalCount": pool.totalCount,
      "failed queries": failed,
    });
  }
  publish({ title: "A thousand rotations", rows }, json);
  await pool.end();
} finally {
  await services.stop();
}
