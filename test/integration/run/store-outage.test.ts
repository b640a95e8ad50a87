import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asSuperuser } from "../../../local/sample-store.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { hastenRetries, readVersion } from "./operator-view.ts";
import { startTestService } from "./service.ts";
import { createTestStore, type TestStore } from "./store.ts";

let run: TestRun;
let comeback: LocalPostgres | undefined;
beforeAll(async () => {
  run = await startTestRun();
});
afterAll(async () => {
  await run?.stop();
  await comeback?.stop();
});

/** A new PostgreSQL in the place of the one that was stopped, with the user that the current version names. */
async function bringStoreBack({ secretArn }: TestStore): Promise<LocalPostgres> {
  const postgres = await startPostgres({ port: run.postgres.port });
  const value = await run.clients.secrets.send(new GetSecretValueCommand({ SecretId: secretArn }));
  const { username, password, dbname } = JSON.parse(value.SecretString ?? "{}");
  await asSuperuser(postgres, dbname, (client) =>
    client.query(`create role ${username} login password ${client.escapeLiteral(password)}`),
  );
  return postgres;
}

test("while the store is away there is no verdict and no redeploy; once it is back, both follow by themselves", async () => {
  // Deliveries enough for as long as a slow machine takes to bring the store back.
  await hastenRetries(run, "verify", 100);
  await hastenRetries(run, "redeploy", 100);
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const before = await service.taskArns();

  await run.postgres.stop();
  const { versionId } = await store.rotate("password-never-set");
  const about = { secretArn: store.secretArn, versionId, level: "ERROR" };
  await eventually(() => {
    const receiveCounts = run.seen.logsOf("verify", about).map(({ receiveCount }) => receiveCount);
    expect(receiveCounts.slice(0, 2)).toEqual([1, 2]);
    expect(run.seen.logsOf("redeploy", about).length).toBeGreaterThan(0);
  });
  expect(run.seen.logsOf("verify", about)[0]?.error).toMatchObject({
    name: "DependencyError",
    message: expect.stringContaining("The database could not be asked (ECONNREFUSED)"),
  });
  expect(run.seen.logsOf("redeploy", about)[0]?.error).toMatchObject({
    name: "DependencyError",
    message: "There is no verdict on the credential yet; the check is repeated",
  });
  expect(await readVersion(run, store.secretArn, versionId)).not.toHaveProperty("verdict");
  expect(run.seen.domainEvents(versionId).map(({ type }) => type)).toEqual(["RotationNoticed"]);
  expect(await service.taskArns()).toEqual(before);

  comeback = await bringStoreBack(store);
  await eventually(async () =>
    expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({ verdict: "accepted" }),
  );
  await eventually(() =>
    expect(run.seen.domainEvents(versionId).map(({ type }) => type)).toContain("ServiceRedeployed"),
  );
  await service.steady();
  expect(await service.taskArns()).not.toEqual(before);
});
