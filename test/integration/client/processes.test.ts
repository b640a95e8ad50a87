import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { freePort } from "../../../local/stores/free-port.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { OPERATOR, REGION, startAws } from "./aws.ts";

const user = "orders";
const password = "first-EXAMPLE";

/** Opens a pool; at a signal, ends it while a checkout waits for a credential. Nothing else keeps it running. */
const PARK_AND_END = `
  import { createRotatingPool } from "keyturn/pg";
  const pool = await createRotatingPool({ secretId: process.env.DB_SECRET_ID, authWaitMs: 2_000 });
  const keptAlive = setInterval(() => {}, 60_000);
  process.once("SIGUSR2", async () => {
    clearInterval(keptAlive);
    const parked = pool.query("select 1").catch((error) => console.log(error.message));
    while (pool.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve));
    await pool.end();
    await parked;
  });
  console.log("up");
`;

let postgres: LocalPostgres;
let admin: pg.Client;
let broker: LocalBroker;
let aws: Awaited<ReturnType<typeof startAws>>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  [postgres, broker, aws] = await Promise.all([startPostgres(), startBroker(), startAws()]);
  admin = new pg.Client({
    host: postgres.host,
    port: postgres.port,
    user: postgres.superuser,
    password: postgres.superuserPassword,
    database: "postgres",
  });
  await admin.connect();
  await admin.query(`create role ${user} login password '${password}'`);
  await admin.query(
    "create table orders (id bigserial primary key, item text not null, quantity int not null, placed_at timestamptz default now())",
  );
  await admin.query(`grant all on orders, orders_id_seq to ${user}`);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await admin.end();
  await Promise.all([postgres.stop(), broker.stop(), aws.stop()]);
});

/** Starts a process of its own; resolves when it says its first word. */
async function start(args: readonly string[], env: NodeJS.ProcessEnv) {
  const port = await freePort();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  return { child, url: `http://127.0.0.1:${port}`, output: () => output };
}

/** The environment of a service with a secret of its own. */
async function rotatingEnv(): Promise<NodeJS.ProcessEnv> {
  const secret = {
    engine: "postgres",
    host: postgres.host,
    port: postgres.port,
    dbname: "postgres",
    username: user,
    password,
  };
  const created = await aws
    .clientOf(OPERATOR)
    .send(new CreateSecretCommand({ Name: `orders-${Date.now()}`, SecretString: JSON.stringify(secret) }));
  return {
    DB_SECRET_ID: created.ARN,
    KEYTURN_CHANNEL_URL: broker.url,
    KEYTURN_TOPIC_PREFIX: "keyturn/test",
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: OPERATOR.accessKeyId,
    AWS_SECRET_ACCESS_KEY: OPERATOR.secretAccessKey,
  };
}

const startOrdersApi = async () => start(["examples/orders-api/server.ts"], await rotatingEnv());

const startLegacyApi = (env: NodeJS.ProcessEnv = {}) =>
  start(["examples/legacy-api/server.ts"], {
    DB_HOST: postgres.host,
    DB_PORT: String(postgres.port),
    DB_NAME: "postgres",
    DB_USER: user,
    DB_PASSWORD: password,
    ...env,
  });

test.each([
  ["orders-api", startOrdersApi],
  ["legacy-api", startLegacyApi],
])("%s takes orders, lists them, and ends cleanly on SIGTERM", async (_name, startExample) => {
  const { child, url } = await startExample();
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const placed = await fetch(`${url}/orders`, {
    method: "POST",
    body: JSON.stringify({ item: "tea", quantity: 2 }),
  });
  expect(placed.status).toBe(201);
  const { id } = (await placed.json()) as { id: string };
  const listed = (await (await fetch(`${url}/orders`)).json()) as object[];
  expect(listed[0]).toMatchObject({ id, item: "tea", quantity: 2 });
  expect((await fetch(`${url}/orders`, { method: "POST", body: "tea" })).status).toBe(400);
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});

test("legacy-api answers 500 with the SQLSTATE when its password is dead, and still calls itself healthy", async () => {
  const { url } = await startLegacyApi({ DB_PASSWORD: "dead-EXAMPLE" });
  const failed = await fetch(`${url}/orders`);
  expect(failed.status).toBe(500);
  expect(await failed.json()).toEqual({ error: "28P01" });
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test("a process that ends its pool in the middle of a rotation exits by itself, with nothing left open", async () => {
  const { child, output } = await start(["--input-type=module", "--eval", PARK_AND_END], await rotatingEnv());
  await admin.query(`alter role ${user} password 'second-EXAMPLE'`);
  try {
    const exited = once(child, "exit");
    child.kill("SIGUSR2");
    expect(await exited).toEqual([0, null]);
    expect(output()).toContain("Cannot use a pool after calling end on the pool");
  } finally {
    await admin.query(`alter role ${user} password '${password}'`);
  }
});

test("a process whose start fails exits by itself, with nothing left open", async () => {
  await admin.query(`alter role ${user} password 'second-EXAMPLE'`);
  try {
    const script = `
      import { createRotatingPool } from "keyturn/pg";
      await createRotatingPool({ secretId: process.env.DB_SECRET_ID, authWaitMs: 200 }).catch((error) => console.log(error.code));
    `;
    const { child, output } = await start(["--input-type=module", "--eval", script], await rotatingEnv());
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    expect(output()).toContain("CREDENTIAL_REJECTED");
  } finally {
    await admin.query(`alter role ${user} password '${password}'`);
  }
});

test.each(["with a broker", "while the broker is away"])(
  "allowExitOnIdle lets a process exit whose pool nobody uses, %s",
  async (place) => {
    const script = `
      import { createRotatingPool } from "keyturn/pg";
      const pool = await createRotatingPool({ secretId: process.env.DB_SECRET_ID, allowExitOnIdle: true });
      await pool.query("select 1");
      console.log("idle");
    `;
    const env = await rotatingEnv();
    if (place === "while the broker is away") env.KEYTURN_CHANNEL_URL = "mqtt://127.0.0.1:1";
    const { child, output } = await start(["--input-type=module", "--eval", script], env);
    if (child.exitCode === null) await once(child, "exit");
    expect(child.exitCode).toBe(0);
    expect(output()).toBe("idle\n");
  },
);
