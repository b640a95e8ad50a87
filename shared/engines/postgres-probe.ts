import {
  isPostgresAuthFailure,
  isPostgresHostRefusal,
  parsePostgresSecret,
  postgresErrorCode,
  probePostgresLogin,
} from "./postgres.ts";
import type { StoreProbe } from "./store-probe.ts";

/** PostgreSQL, Aurora PostgreSQL. */
export const postgresProbe: StoreProbe = {
  logIn: (secret, place, options) => probePostgresLogin(parsePostgresSecret(secret, place), options),
  refusalOf: (error) =>
    isPostgresAuthFailure(error) && !isPostgresHostRefusal(error)
      ? { code: postgresErrorCode(error) ?? "", reason: "The database refused the login" }
      : undefined,
  codeOf: postgresErrorCode,
  obstacleOf: (error) =>
    isPostgresHostRefusal(error)
      ? "pg_hba.conf lets nobody in from the function's address to this database as this user, or not without TLS"
      : undefined,
};
