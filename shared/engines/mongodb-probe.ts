import { MongoClient } from "mongodb";
import { answeredWithin, leave } from "./answer-deadline.ts";
import { UnusableSecretError } from "./database-secret.ts";
import { type MongoCredential, mongoAuthFailure, parseMongoSecret } from "./mongodb.ts";
import { mongoLoginUri } from "./mongodb-login-uri.ts";
import { nodeErrorCode, type ProbeOptions, type StoreProbe } from "./store-probe.ts";

/** MongoDB, Atlas, Amazon DocumentDB. */
export const mongodbProbe: StoreProbe = {
  async logIn(secret, place, options) {
    const client = createClient(parseMongoSecret(secret, place), options);
    const close = () => client.close().catch(() => undefined);
    try {
      // Finds the hosts, logs in, and asks.
      await answeredWithin(
        2 * options.timeoutMs,
        () => client.db("admin").command({ ping: 1 }),
        () => void close(),
      );
    } finally {
      await leave(close());
    }
  },

  refusalOf(error) {
    const failure = mongoAuthFailure(error);
    return failure && { code: serverCodeOf(failure) ?? "", reason: "The server refused the login" };
  },

  codeOf: (error) => serverCodeOf(error) ?? nodeErrorCode(causeOf(error)),
};

function createClient(credential: MongoCredential, { timeoutMs, tls }: ProbeOptions): MongoClient {
  const { uri, username, password, replicaSet, authSource } = credential;
  const loginUri = mongoLoginUri(uri, tls);
  const auth = { username, password: password.reveal() };
  try {
    // Services hand the whole string to a driver: one that the driver will not have is of no use to them. This connects to nobody.
    new MongoClient(uri, { auth });
    return new MongoClient(loginUri, {
      auth,
      ...(replicaSet !== undefined && { replicaSet }),
      ...(authSource !== undefined && { authSource }),
      tls: tls !== "disable",
      ...(tls === "require" && { tlsAllowInvalidCertificates: true }),
      maxPoolSize: 1,
      connectTimeoutMS: timeoutMs,
      serverSelectionTimeoutMS: timeoutMs,
      socketTimeoutMS: timeoutMs,
    });
  } catch (error) {
    // The driver's message may quote the connection string.
    const reason = error instanceof Error ? error.name : "error";
    throw new UnusableSecretError(`The driver will not connect with what the secret says (${reason})`);
  }
}

function serverCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "number"
    ? String(error.code)
    : undefined;
}

/** The driver puts errors of its own around that of the socket, which tells most. */
function causeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const reason = "reason" in error ? firstServerError(error.reason) : undefined;
  const inner = reason ?? error.cause;
  return inner === undefined || nodeErrorCode(error) !== undefined ? error : causeOf(inner);
}

/** Where no server could be found, the description of each says why. */
function firstServerError(description: unknown): unknown {
  if (typeof description !== "object" || description === null || !("servers" in description))
    return undefined;
  const { servers } = description;
  if (!(servers instanceof Map)) return undefined;
  return [...servers.values()].map(({ error }) => error).find((error) => error instanceof Error);
}
