import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { parsePostgresSecret, probePostgresLogin } from "../../shared/engines/postgres.ts";
import { Redacted } from "../../shared/engines/redacted.ts";
import { asSuperuser, newPassword, type SampleStore } from "../sample-store.ts";
import type { LocalPostgres } from "../stores/postgres.ts";

/**
 * How the new credential differs: one user with a new password; the other of two users; or a password that the
 * database was never told, as a rotation function with a broken setSecret leaves it.
 */
export type RotationKind = "single-user" | "alternating-users" | "password-never-set";

export interface RotationDriverOptions {
  readonly secrets: SecretsManagerClient;
  readonly postgres: LocalPostgres;
  readonly store: SampleStore;
  /** Pause after each step. Default 300. */
  readonly stepMs?: number;
  /** Hears each step when it is done. */
  readonly onStep: (step: string, at: Date) => void;
}

export interface Rotated {
  readonly versionId: string;
  /** When AWSCURRENT moved, as Secrets Manager recorded it. */
  readonly currentSince: Date;
}

const TEST_TIMEOUT_MS = 5_000;
/** Each step is an invocation of the rotation function on AWS, so that between two of them time goes by. */
const STEP_MS = 300;

/**
 * Rotates the sample secret in the order of steps that Secrets Manager's rotation functions have: createSecret, setSecret, testSecret, finishSecret.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
 */
export async function rotate(
  kind: RotationKind,
  { secrets, postgres, store, stepMs = STEP_MS, onStep }: RotationDriverOptions,
): Promise<Rotated> {
  const SecretId = store.secretArn;
  const versionId = randomUUID();
  const current = await secrets.send(new GetSecretValueCommand({ SecretId }));
  const value = JSON.parse(current.SecretString ?? "{}");
  const [first, second] = store.users;
  const username =
    kind === "alternating-users" ? (value.username === first ? second : first) : value.username;
  const pending = JSON.stringify({ ...value, username, password: newPassword() });
  const done = async (step: string) => {
    onStep(step, new Date());
    await sleep(stepMs);
  };

  await secrets.send(
    new PutSecretValueCommand({
      SecretId,
      ClientRequestToken: versionId,
      SecretString: pending,
      VersionStages: ["AWSPENDING"],
    }),
  );
  await done("createSecret: the new version waits as AWSPENDING");

  if (kind === "password-never-set") {
    await done("setSecret: broken, the database keeps the old password");
  } else {
    const { password } = JSON.parse(pending);
    await asSuperuser(postgres, store.database, (client) =>
      client.query(`alter role ${username} login password ${client.escapeLiteral(password)}`),
    );
    await done(
      kind === "single-user"
        ? "setSecret: the database wants the new password, AWSCURRENT is still the old"
        : `setSecret: user ${username} has a new password, ${value.username} keeps its own`,
    );
    await probePostgresLogin(parsePostgresSecret(new Redacted(pending)), {
      timeoutMs: TEST_TIMEOUT_MS,
      tls: "disable",
    });
    await done("testSecret: a login with the new version succeeds");
  }

  await secrets.send(
    new UpdateSecretVersionStageCommand({
      SecretId,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: versionId,
      RemoveFromVersionId: current.VersionId,
    }),
  );
  const { LastChangedDate } = await secrets.send(new DescribeSecretCommand({ SecretId }));
  return { versionId, currentSince: LastChangedDate ?? new Date() };
}
