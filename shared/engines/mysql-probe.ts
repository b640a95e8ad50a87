import mysql from "mysql2";
import { answeredWithin, leave } from "./answer-deadline.ts";
import { describeMysqlAuthFailure, mysqlErrorNumber, parseMysqlSecret } from "./mysql.ts";
import { nodeErrorCode, type StoreProbe, type StoreTls } from "./store-probe.ts";

/** No right to the database, or no such one: the server says so after it has taken user and password. */
const LOGIN_SUCCEEDED = new Set([1044, 1049]);

/** MySQL, MariaDB, Aurora MySQL. */
export const mysqlProbe: StoreProbe = {
  async logIn(secret, place, { timeoutMs, tls }) {
    const { host, port, database, user, password } = parseMysqlSecret(secret, place);
    const connection = mysql.createConnection({
      host,
      port,
      user,
      password: password.reveal(),
      ...(database !== undefined && { database }),
      // Until the login is over, not just until the socket is open.
      connectTimeout: timeoutMs,
      ...sslOf(tls),
    });
    // A server that goes away between two awaits emits "error"; without a listener that ends the process.
    connection.on("error", () => undefined);
    const asked = connection.promise();
    try {
      await asked.connect();
      await answeredWithin(
        timeoutMs,
        () => asked.query("select 1"),
        () => connection.destroy(),
      );
      await leave(asked.end());
    } catch (error) {
      if (!LOGIN_SUCCEEDED.has(mysqlErrorNumber(error) ?? 0)) throw error;
    } finally {
      connection.destroy();
    }
  },

  refusalOf(error) {
    const described = describeMysqlAuthFailure(error);
    return described === undefined
      ? undefined
      : { code: String(mysqlErrorNumber(error)), reason: `The database refused the login: ${described}` };
  },

  codeOf: (error) => mysqlErrorNumber(error)?.toString() ?? nodeErrorCode(error),
};

function sslOf(tls: StoreTls): Pick<mysql.ConnectionOptions, "ssl"> {
  const isChecked = tls === "verify-full";
  // Without verifyIdentity the driver takes a valid certificate of any other host.
  return tls === "disable" ? {} : { ssl: { rejectUnauthorized: isChecked, verifyIdentity: isChecked } };
}
