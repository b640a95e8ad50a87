/**
 * PostgreSQL, Secrets Manager and the broker, in a process of their own: what they cost must not be counted as the
 * cost of the pool that is measured. Started by `startServices`, which speaks to it by messages.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import pg from "pg";
import { createAuthorizer } from "../../local/aws/access/authorizer.ts";
import { createAwsEndpoint } from "../../local/aws/endpoint.ts";
import { createSecretsManager } from "../../local/aws/secrets-manager.ts";
import { startBroker } from "../../local/stores/broker.ts";
import { startPostgres } from "../../local/stores/postgres.ts";
import type { Notice } from "../../shared/contract/notice.ts";
import { parseReport } from "../../shared/contract/report.ts";
import { noticeTopic } from "../../shared/contract/topics.ts";
import { type LoginLog, startLoginRelay } from "./login-log.ts";
import { now } from "./now.ts";
import { ACCESS_KEY_ID, type Places, REGION, TOPIC_PREFIX } from "./places.ts";

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

export interface Rotated {
  readonly versionId: string;
  /** From then on the store wants the new password. Epoch milliseconds. */
  readonly passwordSetAt: number;
  /** When AWSCURRENT had moved. Epoch milliseconds. */
  readonly currentAt: number;
}

const SWAP_TIMEOUT_MS = 30_000;
const DATABASE = "shop";
const place = { accountId: "000000000000", region: REGION };

const [postgres, broker] = await Promise.all([startPostgres(), startBroker()]);
const relay = await startLoginRelay(postgres);
const admin = new pg.Pool({
  host: postgres.host,
  port: postgres.port,
  user: postgres.superuser,
  password: postgres.superuserPassword,
  database: postgres.superuser,
  max: 1,
  idleTimeoutMillis: 0,
});
admin.on("error", () => undefined);
await admin.query(`create database ${DATABASE}`);
const endpoint = await createAwsEndpoint({
  place,
  services: [createSecretsManager({ place, now: () => new Date(), emit: () => undefined }).service],
  authorizer: await createAuthorizer(),
  publish: () => Promise.resolve(),
  taskMetadata: () => undefined,
  log: () => undefined,
});
endpoint.registerCaller({ accessKeyId: ACCESS_KEY_ID, name: "operator" });
const secrets = new SecretsManagerClient({
  endpoint: endpoint.url,
  region: REGION,
  credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: "EXAMPLE" },
});

const swapped = new Set<string>();
let onSwapped: () => void = () => undefined;
broker.onPublish((topic, payload) => {
  if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
  const { outcome, versionId } = parseReport(JSON.parse(payload.toString()));
  if (outcome === "swapped") swapped.add(versionId);
  onSwapped();
});

async function setPassword(user: string, password: string): Promise<void> {
  await admin.query(`alter role ${pg.escapeIdentifier(user)} password ${pg.escapeLiteral(password)}`);
}

const newPassword = () => randomBytes(18).toString("base64url");

const calls = {
  /** Users with the first one's login as a secret. `isRelayed` sends its logins through the relay. */
  async createSecret(users: readonly string[], isRelayed: boolean): Promise<{ arn: string; login: Login }> {
    for (const user of users) await admin.query(`create role ${pg.escapeIdentifier(user)} login`);
    const [user = ""] = users;
    const password = newPassword();
    await setPassword(user, password);
    const port = isRelayed ? relay.port : postgres.port;
    const value = { engine: "postgres", host: "127.0.0.1", port, dbname: DATABASE, username: user, password };
    const created = await secrets.send(
      new CreateSecretCommand({ Name: `bench/${user}`, SecretString: JSON.stringify(value) }),
    );
    const login = { host: value.host, port, database: DATABASE, user, password };
    return { arn: created.ARN ?? "", login };
  },

  /** The steps of a rotation function in their order; `username` is the one that the new version has. */
  async rotate(secretArn: string, username: string, gapMs: number): Promise<Rotated> {
    const current = await secrets.send(new GetSecretValueCommand({ SecretId: secretArn }));
    const versionId = randomUUID();
    const value = { ...JSON.parse(current.SecretString ?? "{}"), username, password: newPassword() };
    await secrets.send(
      new PutSecretValueCommand({
        SecretId: secretArn,
        ClientRequestToken: versionId,
        SecretString: JSON.stringify(value),
        VersionStages: ["AWSPENDING"],
      }),
    );
    await setPassword(username, value.password);
    const passwordSetAt = now();
    await sleep(gapMs);
    await secrets.send(
      new UpdateSecretVersionStageCommand({
        SecretId: secretArn,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: versionId,
        RemoveFromVersionId: current.VersionId,
      }),
    );
    const currentAt = now();
    const at = new Date(currentAt).toISOString();
    const notice: Notice = {
      v: 1,
      kind: "credential-rotated",
      secretArn,
      versionId,
      currentSince: at,
      noticedAt: at,
    };
    await broker.publish(noticeTopic(TOPIC_PREFIX, secretArn), JSON.stringify(notice), {
      qos: 1,
      retain: true,
    });
    return { versionId, passwordSetAt, currentAt };
  },

  /** Resolves when an instance has reported that it swapped to the version. */
  async reported(versionId: string): Promise<void> {
    const deadline = AbortSignal.timeout(SWAP_TIMEOUT_MS);
    while (!swapped.has(versionId)) {
      await new Promise<void>((resolve, reject) => {
        onSwapped = resolve;
        deadline.addEventListener("abort", () => reject(new Error(`Nobody swapped to ${versionId}`)));
      });
    }
  },

  async sessionsOf(users: readonly string[]): Promise<number> {
    const { rows } = await admin.query(
      "select count(*)::int as n from pg_stat_activity where usename = any($1)",
      [users],
    );
    return rows[0].n;
  },

  async logins(): Promise<LoginLog> {
    return { refusedAt: relay.refusedAt, sessions: relay.sessions };
  },
};
export interface Call {
  readonly id: number;
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export type Calls = typeof calls;

async function stop(): Promise<void> {
  secrets.destroy();
  await admin.end();
  await Promise.all([endpoint.close(), broker.stop(), relay.stop()]);
  await postgres.stop();
}

// The parent's end is our end, however it came about.
process.once("disconnect", () => void stop());
process.on("message", async ({ id, name, args }: Call) => {
  const answer = (reply: Omit<Reply, "id">) => process.connected && process.send?.({ id, ...reply });
  try {
    const call = calls[name] as (...args: readonly unknown[]) => Promise<unknown>;
    answer({ value: await call(...args) });
  } catch (error) {
    answer({ error: String(error) });
  }
});
process.send?.({ awsUrl: endpoint.url, brokerUrl: broker.url } satisfies Places);
