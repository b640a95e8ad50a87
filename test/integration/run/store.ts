import { randomUUID } from "node:crypto";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { type Rotated, type RotationKind, rotate } from "../../../local/demo/rotation.ts";
import { asSuperuser, newPassword, type SampleStore } from "../../../local/sample-store.ts";
import type { TestRun } from "./local-run.ts";

/** A secret with database users of its own, so that tests of one run do not meet. */
export interface TestStore extends SampleStore {
  /** The version that the secret began with. */
  readonly firstVersionId: string;
  rotate(kind?: RotationKind): Promise<Rotated>;
}

export async function createTestStore({ postgres, clients }: TestRun): Promise<TestStore> {
  const name = `orders_${randomUUID().slice(0, 8)}`;
  const users = [name, `${name}_clone`] as const;
  const password = newPassword();
  await asSuperuser(postgres, postgres.superuser, async (client) => {
    await client.query(`create role ${users[0]} login password '${password}'`);
    await client.query(`create role ${users[1]} nologin`);
  });
  const created = await clients.secrets.send(
    new CreateSecretCommand({
      Name: `test/${name}`,
      SecretString: JSON.stringify({
        engine: "postgres",
        host: postgres.host,
        port: postgres.port,
        dbname: postgres.superuser,
        username: users[0],
        password,
      }),
    }),
  );
  const { ARN: secretArn = "", Name: secretName = "", VersionId: firstVersionId = "" } = created;
  const store = { secretName, secretArn, database: postgres.superuser, users };
  return {
    ...store,
    firstVersionId,
    rotate: (kind = "single-user") =>
      rotate(kind, { secrets: clients.secrets, postgres, store, stepMs: 0, onStep: () => undefined }),
  };
}
