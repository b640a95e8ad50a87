import mysql from "mysql2";
import type { Connection as PromiseConnection } from "mysql2/promise";
import { mysqlErrorNumber } from "../../../shared/engines/mysql.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import { withDeadline } from "../core/deadline.ts";
import type { GatedLogins } from "./gated-logins.ts";
import { hidePassword, quit } from "./mysql2-classes.ts";

const VERIFY_TIMEOUT_MS = 10_000;
const noop = () => undefined;
const never = new AbortController().signal;

/** The user's own check of a new credential. */
export type AskMore = (connection: PromiseConnection) => Promise<unknown>;

/**
 * Logs in, asks for one row and what the user wants asked, and logs out, on a connection that no pool has: one that
 * the application does not see must not cause events.
 *
 * @throws the driver's error, LoginPaused, CheckFailedError where the user's check fails and the connection does not,
 * or DependencyError where it takes too long
 */
export async function verifyLogin(
  options: mysql.ConnectionOptions,
  logins: GatedLogins<mysql.Connection>,
  askMore: AskMore | undefined,
): Promise<void> {
  const check = async () => {
    const connection = await logIn(options, logins);
    const asked = connection.promise();
    await asked.query("select 1");
    let isLost = false;
    for (const event of ["error", "end"]) {
      connection.once(event, () => {
        isLost = true;
      });
    }
    try {
      await askMore?.(asked);
    } catch (error) {
      throw isLost ? error : new CheckFailedError(error, mysqlErrorNumber(error));
    }
    const socket = logins.loggedIn.get(connection);
    if (!socket) return;
    // Waited for, so that where connections are scarce its place is free for what comes next.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    quit(connection, noop);
    await closed;
  };
  try {
    const deadline = { ms: VERIFY_TIMEOUT_MS, stopped: never, who: "The check of the new credential" };
    await withDeadline(deadline, check);
  } finally {
    logins.cutAll();
  }
}

function logIn(
  options: mysql.ConnectionOptions,
  logins: GatedLogins<mysql.Connection>,
): Promise<mysql.Connection> {
  return new Promise((resolve, reject) => {
    logins.logIn(
      (done) => {
        const connection = mysql.createConnection({ ...options, stream: logins.stream });
        connection.on("error", noop);
        hidePassword(connection.config);
        connection.connect((error) => (error ? done(error) : done(null, connection)));
      },
      (error, connection) => (connection ? resolve(connection) : reject(error)),
    );
  });
}
