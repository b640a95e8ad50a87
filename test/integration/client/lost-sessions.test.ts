import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Database, startDatabase } from "./database.ts";
import { startLoad } from "./load.ts";
import { PostgresScene } from "./postgres-scene.ts";
import { startPostgresStandIn } from "./postgres-stand-in.ts";

let database: Database;
const scenes: PostgresScene[] = [];

beforeAll(async () => {
  database = await startDatabase();
});
afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
afterAll(() => database.stop());

async function begin(name: string, at: Partial<Database> = {}): Promise<PostgresScene> {
  const scene = await new PostgresScene({ ...database, ...at }, name).begin();
  scenes.push(scene);
  return scene;
}

const outcome = (query: Promise<unknown>) =>
  query.then(
    () => "answered",
    (error) => error.code,
  );

// A process that has nobody listening to a client's "error" ends: vitest fails the run then.
test.each([
  ["login", ["57P01", "57P01", "57P01"]],
  ["answer", ["answered", "57P01", "answered"]],
] as const)(
  "a session that ends in the packet of its %s fails the query that got it, not the process",
  async (moment, outcomes) => {
    const standIn = await startPostgresStandIn();
    try {
      const scene = await begin(`ends_with_${moment}`, { port: standIn.port });
      const pool = await scene.open({ max: 1 });
      standIn.endSessionsWith(moment);
      const queries = [1, 2, 3].map(() => outcome(pool.query("select 1")));
      expect(await Promise.all(queries)).toEqual(outcomes);
    } finally {
      await standIn.stop();
    }
  },
);

test("a client that nobody listens to may lose its session", async () => {
  const scene = await begin("nobody_listens");
  const pool = await scene.open();
  const client = await pool.connect();
  const ended = new Promise<void>((resolve) => client.once("end", resolve));
  expect(await database.terminateSessionsOf(scene.user)).toBe(1);
  await ended;
  await expect(client.query("select 1")).rejects.toThrow("not queryable");
  client.release();
  await pool.query("select 1");
});

test("sessions that are terminated under a queue fail their queries with the server's own words", async () => {
  const scene = await begin("terminated");
  const pool = await scene.open({ max: 5 });
  const load = startLoad(() => pool.query("select 1"), 40);
  let terminated = 0;
  await vi.waitFor(
    async () => {
      terminated += await database.terminateSessionsOf(scene.user);
      expect(terminated).toBeGreaterThan(100);
    },
    { timeout: 20_000, interval: 15 },
  );
  const atLast = load.done;
  await vi.waitFor(() => expect(load.done).toBeGreaterThan(atLast + 100), { timeout: 5_000 });
  await load.stop();
  expect(load.errors.length).toBeLessThanOrEqual(terminated);
  expect(new Set(load.errors.map((error) => (error as { code?: string }).code))).toEqual(new Set(["57P01"]));
});
