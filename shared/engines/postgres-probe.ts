import {
  isPostgresAuthFailure,
  parsePostgresSecret,
  postgresErrorCode,
  probePostgresLogin,
} from "./postgres.ts";
import type { StoreProbe } from "./store-probe.ts";

/** PostgreSQL, Aurora PostgreSQL. */
export const postgresProbe: StoreProbe = {
  logIn: (secret, place, options) => probePostgresLogin(parsePostgresSecret(secret, place), options),
  refusalOf: (error) =>
    isPostgresAuthFailure(error)
      ? { code: postgresErrorCode(error) ?? "", reason: "The database refused the login" }
      : undefined,
  codeOf: postgresErrorCode,
};
