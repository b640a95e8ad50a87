import type { PoolConnection } from "mysql2/promise";
import { describe, expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { mariadbServer } from "./mariadb.ts";
import { setUpMysql, userOf } from "./mysql-scene.ts";

describe.skipIf(!mariadbServer)(
  "a queue at a swap, on MariaDB (skipped where mariadbd is not installed)",
  () => {
    const stage = setUpMysql();
    const { begin } = stage;

    test.each<[string, string, { queueLimit?: number; waitForConnections?: boolean }, number]>([
      ["a queue of one", "short_queue", { queueLimit: 1 }, 7],
      ["no queue", "no_queue", { waitForConnections: false }, 6],
    ])(
      "with %s turns no checkout away for old connections that are only being closed",
      async (_what, name, queueing, fitting) => {
        const scene = await begin(name);
        const pool = await scene.open({ connectionLimit: 6, warmUp: false, ...queueing });
        const old = await Promise.all(Array.from({ length: 6 }, () => pool.getConnection()));
        for (const connection of old) connection.release();
        const asking = new Promise<Promise<PoolConnection>[]>((resolve) => {
          pool.once("swapped", () =>
            resolve(Array.from({ length: fitting + 1 }, () => pool.getConnection())),
          );
        });
        const clone = await scene.stageClone();
        await scene.announce(clone.versionId);
        const asked = await asking;
        await expect(asked.pop()).rejects.toThrow("Queue limit reached.");
        const held = await Promise.all(asked.slice(0, 6));
        expect(await Promise.all(held.map(userOf))).toEqual(Array(6).fill(clone.user));
        expect(pool.totalCount).toBe(6);

        // The old ones are gone, so the options hold as they are.
        const waiting = asked.slice(6);
        expect(pool.waitingCount).toBe(waiting.length);
        await expect(pool.getConnection()).rejects.toThrow(
          queueing.queueLimit ? "Queue limit reached." : "No connections available.",
        );
        for (const connection of held) connection.release();
        for (const connection of await Promise.all(waiting)) connection.release();
      },
    );

    test("swaps under load turn no checkout away where there is a connection for each who asks", async () => {
      const scene = await begin("load_queue");
      const pool = await scene.open({ connectionLimit: 6, queueLimit: 1, warmUp: false });
      const first = { user: scene.user, password: "first-EXAMPLE" };
      const second = { user: "load_queue_clone", password: "clone-EXAMPLE" };
      await stage.store.createUser(second);
      const load = startLoad(() => pool.query("select 1"), 6);
      for (const login of [second, first, second, first, second]) {
        const swapped = new Promise((resolve) => pool.once("swapped", resolve));
        await vi.waitFor(() => expect(pool.totalCount).toBe(6));
        await scene.announce(scene.stage(login.password, login.user));
        await swapped;
      }
      await vi.waitFor(() => expect(pool.totalCount).toBe(6));
      await load.stop();
      expect(load.errors).toEqual([]);
    });

    test("old connections that are held count towards the queue limit of the new credential", async () => {
      const scene = await begin("held_queue");
      const pool = await scene.open({ connectionLimit: 2, queueLimit: 1, warmUp: false });
      const old = await Promise.all([pool.getConnection(), pool.getConnection()]);
      const swapped = new Promise((resolve) => pool.once("swapped", resolve));
      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      await swapped;
      const served = await pool.getConnection();
      const queued = pool.getConnection();
      await expect(pool.getConnection()).rejects.toThrow("Queue limit reached.");
      served.release();
      (await queued).release();
      for (const connection of old) connection.release();
    });
  },
);
