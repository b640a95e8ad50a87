import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSecretsManager } from "../../../local/aws/secrets-manager.ts";
import { createSecretList } from "../../../shared/aws/secret-list.ts";
import { createSecrets } from "../../../shared/aws/secrets.ts";
import { EVERYTHING, type Watch } from "../../../shared/rotation/watch.ts";
import { serveAwsJson } from "../local/ecs/serve-aws-json.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
let client: SecretsManagerClient;
let server: Awaited<ReturnType<typeof serveAwsJson>>;

beforeEach(async () => {
  const { service } = createSecretsManager({ place, now: () => new Date(), emit: () => undefined });
  server = await serveAwsJson(service);
  client = new SecretsManagerClient({
    region: place.region,
    endpoint: server.url,
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "EXAMPLE" },
  });
});
afterEach(async () => {
  client.destroy();
  await server.close();
});

async function create(Name: string, tags: Readonly<Record<string, string>> = {}): Promise<string> {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const { ARN = "" } = await client.send(
    new CreateSecretCommand({ Name, SecretString: "first-EXAMPLE", ...(Tags.length > 0 && { Tags }) }),
  );
  return ARN;
}

async function watched(watch: Watch): Promise<string[]> {
  const arns: string[] = [];
  for await (const { secretArn } of createSecretList(client, watch).watched()) arns.push(secretArn);
  return arns;
}

test("lists every secret, page by page, with its current version", async () => {
  const arns: string[] = [];
  for (let index = 0; index < 101; index++) arns.push(await create(`many/${index}`));
  expect(await watched(EVERYTHING)).toEqual(arns);
  for await (const { currentVersionId } of createSecretList(client, EVERYTHING).watched()) {
    expect(currentVersionId).toEqual(expect.any(String));
  }
});

test("lists what is watched by name and tag, and nothing that only looks like it", async () => {
  const orders = await create("prod/orders", { team: "orders" });
  const billing = await create("prod/billing", { team: "billing" });
  await create("PROD/orders", { team: "orders" });
  await create("dev/orders", { team: "orders" });
  const team = [{ key: "team", value: "orders" }];
  expect(await watched({ prefixes: ["prod/"], tags: [] })).toEqual([orders, billing]);
  expect(await watched({ prefixes: ["prod/"], tags: team })).toEqual([orders]);
  // More than one filter takes.
  const many = Array.from({ length: 11 }, (_, index) => `none-${index}/`);
  expect(await watched({ prefixes: [...many, "prod/o"], tags: [] })).toEqual([orders]);
});

test("finds the secret that RDS manages for a database, by the tag that RDS gives it", async () => {
  const databaseArn = "arn:aws:rds:us-east-1:000000000000:db:orders";
  await create("mentions/it", { database: databaseArn });
  await create("rds!db-other", { "aws:rds:primaryDBInstanceArn": `${databaseArn}-replica` });
  const managed = await create("rds!db-orders", { "aws:rds:primaryDBInstanceArn": databaseArn });
  const list = createSecretList(client, { prefixes: ["prod/"], tags: [] });
  expect(await list.managedFor(databaseArn)).toBe(managed);
  expect(await list.managedFor("arn:aws:rds:us-east-1:000000000000:cluster:orders")).toBeUndefined();
});

test("describes a secret by its name, with its ARN, its tags and whether it is watched", async () => {
  const secretArn = await create("prod/orders", { team: "orders" });
  const describe = (watch: Watch) => createSecrets(client, watch).describe("prod/orders", () => true);
  expect(await describe(EVERYTHING)).toMatchObject({ secretArn, tags: { team: "orders" }, isWatched: true });
  const other = { prefixes: [], tags: [{ key: "team", value: "billing" }] };
  expect(await describe(other)).toMatchObject({ secretArn, isWatched: false });
});

test("asks nobody about a secret that is kept elsewhere", async () => {
  const secrets = createSecrets(client, { prefixes: ["vault:kv/"], tags: [] });
  await server.close();
  expect(await secrets.describe("vault:kv/app/db", () => true)).toEqual({
    secretArn: "vault:kv/app/db",
    isWatched: true,
  });
  expect(await secrets.describe("gcp:db", () => true)).toMatchObject({ isWatched: false });
  expect(await secrets.read("vault:kv/app/db", "17")).toBeUndefined();
});
