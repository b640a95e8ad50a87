import { expect, test } from "vitest";
import { findStorePlace, placeOfTags } from "../../../functions/verify/store-place.ts";
import type { Database } from "../../../shared/aws/databases.ts";
import { createLoginProbe } from "../../../shared/engines/login-probe.ts";
import { SECRET_ARN } from "../../fakes/pipeline.ts";
import { ACCEPTED, createVerifying } from "./verify-fixtures.ts";

const INSTANCE = "arn:aws:rds:us-east-1:000000000000:db:orders";
const ORDERS: Database = {
  engine: "postgres",
  host: "orders.example.com",
  port: 5_433,
  database: "orders",
  masterSecretArn: SECRET_ARN,
};
const asking = (known: Database | undefined = ORDERS) => {
  const asked: string[] = [];
  const databases = {
    find: async (arn: string) => {
      asked.push(arn);
      return known;
    },
  };
  return { asked, ports: { databases, taggedHosts: undefined } };
};
const find = (tags: Record<string, string>, { ports } = asking()) =>
  findStorePlace({ secretArn: SECRET_ARN, tags }, ports);

test("reads a store from the secret's tags", async () => {
  const tags = {
    "keyturn:engine": "mysql",
    "keyturn:host": " db.internal ",
    "keyturn:port": "3307",
    "keyturn:dbname": "shop",
    team: "orders",
  };
  expect(await find(tags)).toEqual({ engine: "mysql", host: "db.internal", port: 3_307, database: "shop" });
});

test("reads an API from the secret's tags", () => {
  const tags = {
    "keyturn:url": "https://api.example.com/me",
    "keyturn:method": "HEAD",
    "keyturn:header": "X-Api-Key: @apiKey",
    "keyturn:expectedStatus": "200 204",
    "keyturn:rejectedStatus": "400",
  };
  expect(placeOfTags(tags)).toEqual({
    http: {
      url: "https://api.example.com/me",
      method: "HEAD",
      header: "X-Api-Key: @apiKey",
      expectedStatus: "200 204",
      rejectedStatus: "400",
    },
  });
});

test("knows nothing of a secret without tags of ours, and asks nobody", async () => {
  const { asked, ports } = asking();
  expect(await findStorePlace({ secretArn: SECRET_ARN }, ports)).toEqual({});
  expect(asked).toEqual([]);
});

test.each(["0", "65536", "5432x", "5.4"])("names the tag whose port is %s", (port) => {
  expect(placeOfTags({ "keyturn:port": port })).toEqual({
    unverifiable: expect.stringContaining("keyturn:port"),
  });
});

test.each(["aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"])(
  "asks RDS where the database is that gave the secret the tag %s",
  async (tag) => {
    const { masterSecretArn: _, ...place } = ORDERS;
    const { asked, ports } = asking();
    expect(await findStorePlace({ secretArn: SECRET_ARN, tags: { [tag]: INSTANCE } }, ports)).toEqual(place);
    expect(asked).toEqual([INSTANCE]);
  },
);

test("where RDS says which host, no tag bends engine or port, so that nobody makes a good credential look refused", async () => {
  const tags = {
    "aws:rds:primaryDBInstanceArn": INSTANCE,
    "keyturn:port": "6432",
    "keyturn:engine": "mysql",
    "keyturn:dbname": "shop",
  };
  expect(await find(tags)).toEqual({
    engine: "postgres",
    host: ORDERS.host,
    port: ORDERS.port,
    database: "shop",
  });
});

test("with a host in a tag RDS is not asked", async () => {
  const tags = { "aws:rds:primaryDBInstanceArn": INSTANCE };
  const { asked, ports } = asking();
  const tagged = { ...tags, "keyturn:host": "proxy.internal" };
  expect(await findStorePlace({ secretArn: SECRET_ARN, tags: tagged }, ports)).toMatchObject({
    host: "proxy.internal",
  });
  expect(asked).toEqual([]);
});

test.each([
  { what: "RDS does not know", known: undefined },
  { what: "has another secret", known: { ...ORDERS, masterSecretArn: `${SECRET_ARN}x` } },
])("sends no credential to a database that $what", async ({ known }) => {
  const databases = { find: async () => known };
  const tags = { "aws:rds:primaryDBInstanceArn": INSTANCE };
  expect(
    await findStorePlace({ secretArn: SECRET_ARN, tags }, { databases, taggedHosts: undefined }),
  ).toEqual({ unverifiable: expect.stringContaining(INSTANCE) });
});

test.each([
  { tags: { "keyturn:host": "db.internal" }, isAllowed: true },
  { tags: { "keyturn:host": "DB.Corp.Example.com" }, isAllowed: true },
  { tags: { "keyturn:host": "corp.example.com" }, isAllowed: false },
  { tags: { "keyturn:host": "evilcorp.example.com" }, isAllowed: false },
  { tags: { "keyturn:url": "https://api.corp.example.com/me" }, isAllowed: true },
  { tags: { "keyturn:url": "https://api.corp.example.com.evil.example/me" }, isAllowed: false },
  { tags: { "keyturn:url": "https://api.corp.example.com@evil.example/me" }, isAllowed: false },
  { tags: { "keyturn:url": "https://[fd00::7]/me" }, isAllowed: true },
  { tags: { "keyturn:url": "https://[fd00::8]/me" }, isAllowed: false },
])("taggedHosts decides on $tags: $isAllowed", async ({ tags, isAllowed }) => {
  const ports = { ...asking().ports, taggedHosts: ["db.internal", ".corp.example.com", "fd00::7"] };
  const place = await findStorePlace({ secretArn: SECRET_ARN, tags }, ports);
  expect("hostRefused" in place).toBe(!isAllowed);
  expect("host" in place || ("http" in place && place.http?.url !== undefined)).toBe(isAllowed);
});

const nobody = { taggedHosts: [] };

test.each([
  { tags: { "keyturn:host": "db.evil.example" }, secret: { engine: "redis" }, host: "db.evil.example" },
  { tags: { "keyturn:url": "https://evil.example/take" }, secret: undefined, host: "evil.example" },
  {
    tags: { "keyturn:url": "https://evil.example/take", "keyturn:header": "X: @password" },
    secret: { engine: "postgres" },
    host: "evil.example",
  },
])("by default $tags sends the credential nowhere, and the verdict says what to set", async (given) => {
  const verifying = createVerifying([ACCEPTED], {
    ...nobody,
    probe: createLoginProbe({ timeoutMs: 100, tls: "verify-full" }),
  });
  Object.assign(verifying.facts, { tags: given.tags });
  const login = { username: "orders", password: "first-EXAMPLE", ...given.secret };
  verifying.secret.text = () => (given.secret ? JSON.stringify(login) : "key-EXAMPLE");
  expect(await verifying.handle()).toBe("unverifiable");
  expect(verifying.events).toMatchObject([
    {
      type: "CredentialUnverifiable",
      detail: { reason: expect.stringMatching(new RegExp(`${given.host}.*taggedHosts.*add it`)) },
    },
  ]);
});

test("a host that the secret names itself, or RDS, needs no setting", async () => {
  const probe = createLoginProbe({ timeoutMs: 100, tls: "verify-full" });
  const verifying = createVerifying([ACCEPTED], { ...nobody, probe });
  Object.assign(verifying.facts, { tags: { "keyturn:host": "db.evil.example", "keyturn:engine": "redis" } });
  verifying.secret.text = () => JSON.stringify({ password: "first-EXAMPLE", host: "127.0.0.1", port: 1 });
  await expect(verifying.handle()).rejects.toThrow(/ECONNREFUSED/);
  const { ports } = asking();
  const tags = { "aws:rds:primaryDBInstanceArn": INSTANCE };
  expect(await findStorePlace({ secretArn: SECRET_ARN, tags }, { ...ports, ...nobody })).toMatchObject({
    host: ORDERS.host,
  });
});

test("RDS is not asked where a tag names a host that it may not: neither is what was meant", async () => {
  const { asked, ports } = asking();
  const tags = { "aws:rds:primaryDBInstanceArn": INSTANCE, "keyturn:host": "proxy.internal" };
  const place = await findStorePlace({ secretArn: SECRET_ARN, tags }, { ...ports, ...nobody });
  expect(place).toMatchObject({ hostRefused: expect.stringContaining("proxy.internal") });
  expect(asked).toEqual([]);
});

test.each([
  "a.example.com,b.corp.example.com",
  "a.example.com/.corp.example.com",
  "me@b.corp.example.com",
  "/tmp",
])("does not take %s for one host", async (host) => {
  const place = await findStorePlace(
    { secretArn: SECRET_ARN, tags: { "keyturn:host": host } },
    { ...asking().ports, taggedHosts: [".corp.example.com"] },
  );
  expect(place).toEqual({ http: {}, hostRefused: expect.stringContaining("keyturn:host") });
});

test.each(["10.0.0.7", "fd00::7", "db_1.internal"])("takes %s for a host", async (host) => {
  expect(await find({ "keyturn:host": host })).toEqual({ host });
});

test("verify logs in where the tags say, and RDS", async () => {
  const verifying = createVerifying([ACCEPTED]);
  verifying.databases.set(INSTANCE, ORDERS);
  Object.assign(verifying.facts, { tags: { "aws:rds:primaryDBInstanceArn": INSTANCE } });
  expect(await verifying.handle()).toBe("accepted");
  expect(verifying.places).toMatchObject([{ engine: "postgres", host: "orders.example.com" }]);
});
