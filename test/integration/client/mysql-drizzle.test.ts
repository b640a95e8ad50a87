import { eq, sql } from "drizzle-orm";
import { int, mysqlTable, varchar } from "drizzle-orm/mysql-core";
import { drizzle } from "drizzle-orm/mysql2";
import { Kysely, sql as kyselySql, MysqlDialect } from "kysely";
import { describe, expect, test, vi } from "vitest";
import { mariadbServer } from "./mariadb.ts";
import { type MysqlScene, setUpMysql } from "./mysql-scene.ts";

const orders = mysqlTable("orders", {
  id: int().autoincrement().primaryKey(),
  item: varchar({ length: 40 }).notNull(),
});

describe.skipIf(!mariadbServer)("on MariaDB (skipped where mariadbd is not installed)", () => {
  const stage = setUpMysql();

  async function begin(name: string): Promise<MysqlScene> {
    const scene = await stage.begin(name);
    await stage.store.run(
      "create or replace table shop.orders (id int auto_increment primary key, item varchar(40) not null)",
    );
    return scene;
  }

  /** To another user, so that old and new sessions can be told apart; gives that user. */
  async function rotate(scene: MysqlScene): Promise<string> {
    const login = { user: `${scene.user}_clone`, password: "clone-EXAMPLE" };
    const versionId = await scene.stageUser(login);
    await scene.adopt(versionId);
    return login.user;
  }

  describe("Drizzle over the pool", () => {
    test("goes on over a rotation; a transaction that is open stays on its session, and holds together", async () => {
      const scene = await begin("drizzle");
      const pool = await scene.open();
      const db = drizzle({ client: pool });
      await db.insert(orders).values({ item: "before" });
      let user = "";
      await db.transaction(async (tx) => {
        await tx.insert(orders).values({ item: "within" });
        user = await rotate(scene);
        expect(await tx.select().from(orders)).toHaveLength(2);
        // Nobody else sees it, so it is one transaction on one connection.
        expect(await db.select().from(orders)).toHaveLength(1);
        const [[inside]] = (await tx.execute(sql`select current_user() as user`)) as unknown as [
          { user: string }[],
        ];
        expect(inside?.user).toBe(`${scene.user}@%`);
      });
      const [[outside]] = (await db.execute(sql`select current_user() as user`)) as unknown as [
        { user: string }[],
      ];
      expect(outside?.user).toBe(`${user}@%`);
      expect(await db.select().from(orders).where(eq(orders.item, "within"))).toHaveLength(1);
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
    });

    test("rolls back, and gives its connection back", async () => {
      const scene = await begin("drizzle_back");
      const pool = await scene.open({ connectionLimit: 1 });
      const db = drizzle({ client: pool });
      const failing = db.transaction(async (tx) => {
        await tx.insert(orders).values({ item: "never" });
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      expect(await db.select().from(orders)).toEqual([]);
    });

    test("streams rows through an iterator", async () => {
      const scene = await begin("drizzle_stream");
      const db = drizzle({ client: await scene.open() });
      await db.insert(orders).values([{ item: "a" }, { item: "b" }]);
      const items: string[] = [];
      for await (const { item } of await db.select().from(orders).iterator()) items.push(item);
      expect(items).toEqual(["a", "b"]);
    });
  });

  test("Kysely over the callback pool goes on over a rotation, with a transaction open across it", async () => {
    const scene = await begin("kysely");
    const pool = await scene.open();
    const db = new Kysely<{ orders: { id: number; item: string } }>({
      dialect: new MysqlDialect({ pool: pool.pool }),
    });
    await db.transaction().execute(async (tx) => {
      await tx.insertInto("orders").values({ id: 1, item: "within" }).execute();
      await rotate(scene);
      const { rows } = await kyselySql<{ user: string }>`select current_user() as user`.execute(tx);
      expect(rows).toEqual([{ user: `${scene.user}@%` }]);
    });
    expect(await db.selectFrom("orders").select("item").execute()).toEqual([{ item: "within" }]);
    const { rows } = await kyselySql<{ user: string }>`select current_user() as user`.execute(db);
    expect(rows).toEqual([{ user: `${scene.user}_clone@%` }]);
    await db.destroy();
    expect(pool.ending).toBe(true);
  });
});
