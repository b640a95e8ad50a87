import { once } from "node:events";
import { text } from "node:stream/consumers";
import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { describe, expect, test, vi } from "vitest";
import { calledBack, describeBothPools, sessionOf } from "./pool-kinds.ts";

describeBothPools((open, database) => {
  describe("query by promise", () => {
    test("takes text", async () => {
      const pool = await open();
      const result = await pool.query("select 1 as n union select 2 order by n");
      expect(result.rows).toEqual([{ n: 1 }, { n: 2 }]);
      expect(result).toMatchObject({ command: "SELECT", rowCount: 2, fields: [{ name: "n" }] });
    });

    test("takes text with values", async () => {
      const pool = await open();
      const { rows } = await pool.query("select $1::int + $2::int as sum", [3, 4]);
      expect(rows).toEqual([{ sum: 7 }]);
    });

    test("takes a config, with its values inside or beside it", async () => {
      const pool = await open();
      const inside = await pool.query({ text: "select $1::text as word", values: ["tea"] });
      const beside = await pool.query({ text: "select $1::text as word" }, ["tea"]);
      expect(inside.rows).toEqual([{ word: "tea" }]);
      expect(beside.rows).toEqual(inside.rows);
    });

    test("gives rows as arrays where asked to", async () => {
      const pool = await open();
      const { rows } = await pool.query({ text: "select 1, 'tea'", rowMode: "array" });
      expect(rows).toEqual([[1, "tea"]]);
    });

    test("parses columns as the config says", async () => {
      const pool = await open();
      const types = {
        getTypeParser: () => (value: string) => `<${value}>`,
      } as unknown as pg.CustomTypesConfig;
      expect((await pool.query({ text: "select 1 as n", types })).rows).toEqual([{ n: "<1>" }]);
    });

    test("prepares a named statement once for each session", async () => {
      const pool = await open({ max: 1 });
      const named = (n: number) =>
        pool.query({ name: "double", text: "select 2 * $1::int as n", values: [n] });
      expect((await named(2)).rows).toEqual([{ n: 4 }]);
      expect((await named(3)).rows).toEqual([{ n: 6 }]);
      const { rows } = await pool.query(
        "select name, generic_plans + custom_plans as runs from pg_prepared_statements",
      );
      expect(rows).toEqual([{ name: "double", runs: "2" }]);
      await expect(pool.query({ name: "double", text: "select 3" })).rejects.toThrow(
        "Prepared statements must be unique - 'double' was used for a different statement",
      );
    });

    test("gives one result for each of several statements", async () => {
      const pool = await open();
      const results: unknown = await pool.query("select 1 as a; select 2 as b");
      expect(results).toMatchObject([{ rows: [{ a: 1 }] }, { rows: [{ b: 2 }] }]);
    });

    test("runs many at the same time", async () => {
      const pool = await open({ max: 4 });
      const numbers = Array.from({ length: 40 }, (_, n) => n);
      const results = await Promise.all(numbers.map((n) => pool.query("select $1::int as n", [n])));
      expect(results.map(({ rows }) => rows[0].n)).toEqual(numbers);
    });
  });

  describe("query by callback", () => {
    test("takes text, text with values, and a config, and returns nothing", async () => {
      const pool = await open();
      const returned: unknown[] = [];
      const answers = await Promise.all([
        calledBack((callback) => returned.push(pool.query("select 1 as n", callback))),
        calledBack((callback) => returned.push(pool.query("select $1::int as n", [2], callback))),
        calledBack((callback) => returned.push(pool.query({ text: "select 3 as n" }, callback))),
      ]);
      expect(answers).toMatchObject([1, 2, 3].map((n) => [undefined, { rows: [{ n }] }]));
      expect(returned).toEqual([undefined, undefined, undefined]);
    });

    test("gives the server's error", async () => {
      const pool = await open();
      const answer = await calledBack((callback) => pool.query("select nonsense", callback));
      expect(answer).toEqual([expect.any(pg.DatabaseError)]);
      expect(answer).toMatchObject([{ code: "42703" }]);
    });

    test("has given its connection back by the time it calls back", async () => {
      const pool = await open({ max: 1 });
      const idle = await new Promise((resolve) => {
        pool.query("select 1", () => resolve([pool.idleCount, pool.totalCount]));
      });
      expect(idle).toEqual([1, 1]);
    });
  });

  describe("query objects", () => {
    test("a cursor gives its rows in pieces, and the client goes on after it", async () => {
      const pool = await open();
      const client = await pool.connect();
      const cursor = client.query(new Cursor("select generate_series(1, 5) as n"));
      expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }]);
      expect(await cursor.read(2)).toEqual([{ n: 3 }, { n: 4 }]);
      await cursor.close();
      expect((await client.query("select 6 as n")).rows).toEqual([{ n: 6 }]);
      client.release();
    });

    test("a cursor tells of a bad statement when it is read", async () => {
      const pool = await open();
      const client = await pool.connect();
      await expect(client.query(new Cursor("select nonsense")).read(1)).rejects.toMatchObject({
        code: "42703",
      });
      client.release();
    });

    test("a stream on a client gives its rows", async () => {
      const pool = await open();
      const client = await pool.connect();
      const stream = client.query(new QueryStream("select n::text from generate_series(1, $1) n", [3]));
      expect(await text(stream.map(({ n }: { n: string }) => n))).toBe("123");
      client.release();
    });

    test("a stream given to the pool takes a connection for itself and gives it back at its end", async () => {
      const pool = await open({ max: 1 });
      const stream = new QueryStream("select n::text from generate_series(1, 3) n");
      pool.query(stream);
      expect(await text(stream.map(({ n }: { n: string }) => n))).toBe("123");
      await vi.waitFor(() => expect(pool.idleCount).toBe(1));
    });

    test("a query object with a callback of its own answers to that, and nobody gives its connection back", async () => {
      const pool = await open({ max: 1 });
      const acquired = once(pool, "acquire");
      const answer = await calledBack((callback) => void pool.query(new pg.Query("select 7 as n", callback)));
      expect(answer).toMatchObject([null, { rows: [{ n: 7 }] }]);
      expect(pool.idleCount).toBe(0);
      const [client] = await acquired;
      client.release();
    });
  });

  describe("a query that fails", () => {
    test("rejects with the server's error, whose stack leads to the caller", async () => {
      const pool = await open();
      const error = await pool.query("selekt 1").catch((thrown) => thrown);
      expect(error).toBeInstanceOf(pg.DatabaseError);
      expect(error).toMatchObject({ code: "42601", severity: "ERROR", position: "1" });
      expect(error.stack).toContain("pool-query-forms.test");
    });

    test("costs its connection, and the next query gets another", async () => {
      const pool = await open({ max: 1 });
      const before = await sessionOf(pool);
      await pool.query("selekt 1").catch(() => undefined);
      expect(pool.totalCount).toBe(0);
      expect(await sessionOf(pool)).not.toBe(before);
    });

    test("fails no other that runs beside it", async () => {
      const pool = await open({ max: 2 });
      const [bad, good] = await Promise.allSettled([pool.query("selekt 1"), pool.query("select 1 as n")]);
      expect(bad.status).toBe("rejected");
      expect(good).toMatchObject({ status: "fulfilled", value: { rows: [{ n: 1 }] } });
    });

    test("rejects where a value cannot be sent", async () => {
      const pool = await open();
      const unsendable = {
        toPostgres() {
          throw new Error("not to be sent");
        },
      };
      await expect(pool.query("select $1::text", [unsendable])).rejects.toThrow("not to be sent");
      await pool.query("select 1");
    });

    test("rejects where there is no text, and gives the connection back", async () => {
      const pool = await open({ max: 1 });
      await expect(pool.query(undefined as unknown as string)).rejects.toThrow(
        "Client was passed a null or undefined query",
      );
      await pool.query("select 1");
    });

    test("rejects a function in the place of the text", async () => {
      const pool = await open();
      const message = "Passing a function as the first parameter to pool.query is not supported";
      const answer = await calledBack((callback) => pool.query(callback as unknown as string));
      expect(answer).toEqual([new Error(message)]);
    });

    test("rejects with the network's error while the server is out of reach, and works again after", async () => {
      const pool = await open();
      await database().cutOff();
      const error = await pool.query("select 1").catch((thrown) => thrown);
      const answer = await calledBack((callback) => pool.query("select 1", callback));
      await database().restore();
      expect(error).toMatchObject({ code: "ECONNREFUSED", syscall: "connect" });
      expect(answer).toMatchObject([{ code: "ECONNREFUSED", syscall: "connect" }]);
      expect(error.stack).toContain("pool-query-forms.test");
      await pool.query("select 1");
    });
  });
});
