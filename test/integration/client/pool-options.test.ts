import { Socket } from "node:net";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { describeBothPools } from "./pool-kinds.ts";

/** What makes a query fail, as the client tells it. */
const failureOf = (query: Promise<unknown>) =>
  query.then(
    () => undefined,
    (error) => error,
  );

describeBothPools((open, database) => {
  describe("pool.options", () => {
    test("are what was given, with the defaults of pg", async () => {
      const pool = await open({ max: 3, application_name: "orders" });
      expect(pool.options).toMatchObject({
        max: 3,
        min: 0,
        maxUses: Number.POSITIVE_INFINITY,
        maxLifetimeSeconds: 0,
        idleTimeoutMillis: 10_000,
        allowExitOnIdle: false,
        application_name: "orders",
      });
      expect((await open()).options.max).toBe(10);
    });

    test("name the database and the user, and hide the password", async () => {
      const pool = await open();
      const { rows } = await pool.query('select current_database() as "database", current_user as "user"');
      expect(pool.options).toMatchObject({ host: "127.0.0.1", port: database().port, ...rows[0] });
      expect(Object.keys(pool.options)).not.toContain("password");
    });

    test("are enough to open one more connection, as tools do that cancel queries", async () => {
      const pool = await open();
      const options: pg.ClientConfig = pool.options;
      const { Client } = pool as unknown as { Client: typeof pg.Client };
      const client = new Client({ ...options, password: options.password });
      await client.connect();
      expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
      await client.end();
    });

    test("may be changed while the pool runs", async () => {
      const pool = await open({ max: 1, connectionTimeoutMillis: 500 });
      const held = await pool.connect();
      pool.options.max = 2;
      await pool.query("select 1");
      expect(pool.totalCount).toBe(2);
      held.release();
    });

    test("bring a Promise of one's own", async () => {
      class Later<T> extends Promise<T> {}
      const pool = await open({ Promise: Later });
      const connecting = pool.connect();
      (await connecting).release();
      const querying = pool.query("select 1");
      await querying;
      const ending = pool.end();
      await ending;
      for (const promise of [connecting, querying, ending]) expect(promise).toBeInstanceOf(Later);
    });
  });

  describe("the session", () => {
    test("is named and set as the options say", async () => {
      const pool = await open({
        application_name: "orders",
        options: "-c search_path=catalog",
        lock_timeout: 1_234,
        idle_in_transaction_session_timeout: 5_678,
        statement_timeout: 9_012,
      });
      const names = ["application_name", "search_path", "lock_timeout"];
      const more = ["idle_in_transaction_session_timeout", "statement_timeout"];
      const { rows } = await pool.query("select name, setting from pg_settings where name = any($1)", [
        [...names, ...more],
      ]);
      expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
        application_name: "orders",
        search_path: "catalog",
        lock_timeout: "1234",
        idle_in_transaction_session_timeout: "5678",
        statement_timeout: "9012",
      });
    });

    test("parses types as the options say", async () => {
      const types = {
        getTypeParser: () => (value: string) => `<${value}>`,
      } as unknown as pg.CustomTypesConfig;
      const pool = await open({ types });
      expect((await pool.query("select 1 as n")).rows).toEqual([{ n: "<1>" }]);
    });

    test("ends a statement at statement_timeout, by the server's error", async () => {
      const pool = await open({ statement_timeout: 20 });
      expect(await failureOf(pool.query("select pg_sleep(60)"))).toMatchObject({ code: "57014" });
      await pool.query("select 1");
    });

    test("is given up at query_timeout, by the driver's error", async () => {
      const pool = await open({ query_timeout: 20 });
      expect(await failureOf(pool.query("select pg_sleep(0.2)"))).toEqual(new Error("Query read timeout"));
      await pool.query("select 1");
    });
  });

  describe("ssl", () => {
    test("fails at a server without it", async () => {
      const failure = await failureOf(open({ ssl: true }).then((pool) => pool.query("select 1")));
      // A rotating pool fails at its start already, where it tries the credential, with this as the cause.
      expect(failure.cause ?? failure).toEqual(new Error("The server does not support SSL connections"));
    });
  });

  describe("Client", () => {
    test("may be a class of one's own", async () => {
      class TracedClient extends pg.Client {
        readonly traced: string[] = [];
      }
      const pool = await open({ Client: TracedClient });
      const client = await pool.connect();
      expect(client).toBeInstanceOf(TracedClient);
      expect(client).toMatchObject({ traced: [] });
      expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
      client.release();
      expect((pool as unknown as { Client: unknown }).Client).toBe(TracedClient);
    });
  });

  describe("onConnect", () => {
    test("is waited for before a new client is given out", async () => {
      let runs = 0;
      const pool = await open({
        async onConnect(client) {
          runs += 1;
          await client.query("select pg_sleep(0.02)");
          await client.query("set application_name = 'prepared'");
        },
      });
      expect((await pool.query("show application_name")).rows).toEqual([{ application_name: "prepared" }]);
      await pool.query("select 1");
      expect(runs).toBe(1);
    });

    test("fails the checkout where it fails, and the next one tries again", async () => {
      let isBad = true;
      const pool = await open({
        max: 1,
        onConnect() {
          if (isBad) throw new Error("not prepared");
        },
      });
      expect(await failureOf(pool.query("select 1"))).toEqual(new Error("not prepared"));
      expect(pool.totalCount).toBe(0);
      isBad = false;
      await pool.query("select 1");
    });
  });

  test("a stream of one's own carries the connection", async () => {
    const streams: unknown[] = [];
    const pool = await open({
      stream() {
        const stream = new Socket();
        streams.push(stream);
        return stream;
      },
    });
    const client = await pool.connect();
    expect(streams).toContain((client as unknown as { connection: { stream: unknown } }).connection.stream);
    client.release();
  });
});
