import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { expect, test, vi } from "vitest";
import { createSecretsManagerSource } from "../../../client/src/sources/secrets-manager.ts";
import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import { OPERATOR, REGION } from "./aws.ts";
import { type PostgresScene, setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

/** Makes the first reads fail in this way. */
function failReads(scene: PostgresScene, error: Error, times: number): void {
  const readCurrent = scene.secret.readCurrent.bind(scene.secret);
  let left = times;
  scene.secret.readCurrent = async () => {
    left -= 1;
    if (left >= 0) throw error;
    return readCurrent();
  };
}

test("end() does not wait for a read that never answers", async () => {
  const scene = await begin("read_hangs");
  const pool = await scene.open();
  const reading = Promise.withResolvers<AbortSignal | undefined>();
  scene.secret.readCurrent = (_secretId?: string, signal?: AbortSignal) => {
    reading.resolve(signal);
    return new Promise(() => {});
  };
  await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
  const parked = pool.query("select 1").catch((error: Error) => error.message);
  const signal = await reading.promise;
  expect(signal?.aborted).toBe(false);
  await pool.end();
  expect(signal?.aborted).toBe(true);
  expect(await parked).toBe("Cannot use a pool after calling end on the pool");
});

test.each(["arn", "name"] as const)(
  "a start by %s gives up on Secrets Manager that accepts and never answers",
  async (by) => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy()).resume();
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const client = new SecretsManagerClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: REGION,
      credentials: OPERATOR,
    });
    try {
      const scene = await begin(`silent_${by}`);
      const opening = scene.open({
        secretId: by === "arn" ? scene.secret.arn : "orders/db",
        secrets: createSecretsManagerSource(client),
        authWaitMs: 300,
      });
      await expect(opening).rejects.toBeInstanceOf(DependencyError);
      await vi.waitFor(() => expect([...sockets].every(({ destroyed }) => destroyed)).toBe(true));
    } finally {
      client.destroy();
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  },
);

test("a start by name goes on trying where reads are throttled, and follows the secret's own topic", async () => {
  const scene = await begin("by_name");
  failReads(scene, new DependencyError("throttled"), 2);
  const pool = await scene.open({ secretId: "orders/db" });
  await scene.rotate("second-EXAMPLE");
  await pool.query("select 1");
});

test("a start by name fails at once where no retry mends it", async () => {
  const scene = await begin("by_wrong_name");
  const missing = new KeyturnError("SECRET_NOT_FOUND", "no such secret");
  failReads(scene, missing, 1);
  await expect(scene.open({ secretId: "orders/none" })).rejects.toBe(missing);
});
