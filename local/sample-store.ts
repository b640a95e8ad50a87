import { randomBytes } from "node:crypto";
import { CreateSecretCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import pg from "pg";
import type { LocalPostgres } from "./stores/postgres.ts";

/** A database with its secret, for the demo and for trying things out. */
export interface SampleStore {
  readonly secretName: string;
  readonly secretArn: string;
  readonly database: string;
  /** The two users that an alternating rotation goes back and forth between; the first is in the secret at first. */
  readonly users: readonly [string, string];
}

const DATABASE = "shop";
const SECRET_NAME = "orders/db";
const USERS = ["orders", "orders_clone"] as const;
/** Fixed, so that the samples in events/ name a version that exists. */
export const SAMPLE_VERSION_ID = "00000000-0000-4000-8000-000000000001";

export const newPassword = () => randomBytes(18).toString("base64url");

/** Creates database, users, table and secret. The second user cannot log in before a rotation gives it a password. */
export async function createSampleStore(
  postgres: LocalPostgres,
  secrets: SecretsManagerClient,
): Promise<SampleStore> {
  const password = newPassword();
  await asSuperuser(postgres, "postgres", async (client) => {
    await client.query(`create database ${DATABASE}`);
    await client.query(`create role ${USERS[0]} login password '${password}'`);
    await client.query(`create role ${USERS[1]} nologin`);
  });
  await asSuperuser(postgres, DATABASE, async (client) => {
    await client.query(`create table orders (
      id bigserial primary key, item text not null, quantity int not null, placed_at timestamptz not null default now())`);
    for (const user of USERS) {
      await client.query(
        `grant select, insert on orders to ${user}; grant usage on sequence orders_id_seq to ${user}`,
      );
    }
  });
  const { ARN = "" } = await secrets.send(
    new CreateSecretCommand({
      Name: SECRET_NAME,
      ClientRequestToken: SAMPLE_VERSION_ID,
      SecretString: JSON.stringify({
        engine: "postgres",
        host: postgres.host,
        port: postgres.port,
        dbname: DATABASE,
        username: USERS[0],
        password,
      }),
    }),
  );
  return { secretName: SECRET_NAME, secretArn: ARN, database: DATABASE, users: USERS };
}

/** Runs statements as the superuser, on a connection of their own. */
export async function asSuperuser<T>(
  postgres: LocalPostgres,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: postgres.host,
    port: postgres.port,
    user: postgres.superuser,
    password: postgres.superuserPassword,
    database,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
