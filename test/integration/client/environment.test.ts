import { afterEach, expect, test, vi } from "vitest";
import { createRotatingPool } from "../../../client/src/pg.ts";
import { setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

afterEach(() => {
  vi.unstubAllEnvs();
});

function setEnvironment(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

function collect() {
  const lines: { message: string; fields: object }[] = [];
  const log = (fields: object, message: string) => void lines.push({ message, fields });
  return { lines, logger: { debug: log, info: log, warn: log, error: log } };
}

test("without a secret the credential is the environment's, and a log line says so", async () => {
  const { user } = await begin("from_env");
  setEnvironment({
    POSTGRES_HOST: "127.0.0.1",
    POSTGRES_PORT: String(stage.store.port),
    POSTGRES_DB: "shop",
    POSTGRES_USER: user,
    POSTGRES_PASSWORD: "first-EXAMPLE",
    POSTGRES_SSL: "false",
    POSTGRES_POOL_SIZE: "3",
    // A channel that is configured for all services has nothing to tell of this one.
    KEYTURN_CHANNEL_URL: stage.broker.url,
    KEYTURN_TOPIC_PREFIX: "keyturn/test",
  });
  const { lines, logger } = collect();
  // Options that are undefined leave the environment's as they are.
  const pool = await createRotatingPool({ secretId: undefined, logger, max: undefined as never });
  const { rows } = await pool.query("select current_user as name, current_database() as database");
  expect(rows).toEqual([{ name: user, database: "shop" }]);
  expect(pool.options.max).toBe(3);
  expect(await pool.health()).toMatchObject({ status: "ok", source: "environment", channel: "none" });
  expect(lines).toContainEqual({
    message: "Credential comes from the environment; it does not rotate",
    fields: { source: "environment" },
  });
  await pool.end();
  await expect(createRotatingPool({ secretId: undefined, max: 0 })).rejects.toThrow("max: must be 1 or more");
});

test("a secret wins over the environment, and a log line says so", async () => {
  const scene = await begin("not_from_env");
  setEnvironment({ POSTGRES_HOST: "192.0.2.1", POSTGRES_USER: "x", POSTGRES_PASSWORD: "x" });
  const { lines, logger } = collect();
  const pool = await scene.open({ logger });
  expect(await userOf(pool)).toBe(scene.user);
  expect(lines.map(({ message }) => message)).toContain("Credential comes from a secret");
});

test.each([
  ["is incomplete", { POSTGRES_HOST: "db" }, ["POSTGRES_PASSWORD: is not set", "POSTGRES_USER: is not set"]],
  [
    "makes no sense",
    {
      POSTGRES_HOST: "db",
      POSTGRES_USER: "a",
      POSTGRES_PASSWORD: "b",
      POSTGRES_PORT: "x",
      POSTGRES_SSL: "1",
    },
    ["POSTGRES_PORT: must be a port", "POSTGRES_SSL: must be true, false or no-verify"],
  ],
  ["is empty", {}, ["secretId: required: the ARN or the name of a secret"]],
])("an environment that %s is refused with all that is wrong", async (_what, variables, problems) => {
  setEnvironment(variables);
  await expect(createRotatingPool({ secretId: undefined })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    problems: expect.arrayContaining(problems),
  });
});
