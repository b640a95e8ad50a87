import { describe, expect, test, vi } from "vitest";
import { DrainTimeoutError } from "../../../client/src/mysql2.ts";
import { findServer } from "./installed-server.ts";
import { mariadbServer } from "./mariadb.ts";
import { setUpMysql } from "./mysql-scene.ts";

const canRun = mariadbServer && findServer("openssl");

describe.skipIf(!canRun)("over TLS (skipped where mariadbd or openssl is not installed)", () => {
  const stage = setUpMysql({ tls: true });

  test("a single-user rotation fails no query, and what is held at the deadline is cut with the reason", async () => {
    const scene = await stage.begin("encrypted");
    await stage.store.run("alter user ? require ssl", [scene.user]);
    const pool = await scene.open({
      ssl: { ca: stage.store.server.certificate ?? "", verifyIdentity: true },
      drainTimeoutMs: 200,
      connectionLimit: 2,
    });
    const [rows] = await pool.query("show session status like 'Ssl_cipher'");
    expect(rows).toEqual([expect.objectContaining({ Value: expect.stringMatching(/./) })]);

    const held = await pool.getConnection();
    const stuck = held.query("select sleep(60)").catch((error) => error);
    const versionId = await scene.changePassword("second-EXAMPLE");
    const queries = Array.from({ length: 10 }, () => pool.query("select sleep(0.01)"));
    await scene.announce(versionId);
    await Promise.all(queries);
    await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
    expect(await stuck).toBeInstanceOf(DrainTimeoutError);
    await pool.query("select 1");
  });
});
