import { expect, test } from "vitest";
import { instance, NEW, OLD, SECRET_ARN, secretView } from "../fixtures.ts";
import { createScene, rotate, type Scene, settled, wait } from "./rotate-scene.ts";

const throttled = Object.assign(new Error("Rate of requests exceeds the allowed throughput."), {
  name: "ProvisionedThroughputExceededException",
});
/** Some looks at the ledger fail; looks count from 1, and the first is that before the rotation. */
function failingAt(scene: Scene, fails: (look: number) => boolean, error: Error): Scene {
  const { readSecret } = scene.ports.ledger;
  let look = 0;
  const ledger = {
    ...scene.ports.ledger,
    readSecret: async (secretArn: string) => {
      look += 1;
      if (fails(look)) throw error;
      return readSecret(secretArn);
    },
  };
  return { ...scene, ports: { ...scene.ports, ledger } };
}

test("what cannot be read for a while is noted once, and waiting goes on", async () => {
  const scene = failingAt(
    createScene([settled(), secretView()]),
    (look) => look === 2 || look === 3,
    throttled,
  );
  const { exitCode, err } = await rotate(scene, { wait });
  expect(exitCode).toBe(0);
  expect(err.filter((line) => line.startsWith("AWS takes no more calls for the moment"))).toHaveLength(1);
});

test("where the ledger cannot be read until the timeout, the end says so of what was seen", async () => {
  const behind = secretView({ instances: [instance({ versionId: OLD })] });
  const scene = failingAt(createScene([settled(), behind]), (look) => look > 2, throttled);
  const { exitCode, out } = await rotate(scene, { wait }, true);
  expect(exitCode).toBe(1);
  expect(JSON.parse(out[0] ?? "")).toMatchObject({
    outcome: "timed-out",
    explanation: expect.stringContaining("AWS takes no more calls for the moment"),
  });
});

test.each([
  ["is throttled to the end", throttled, "THROTTLED", 4],
  ["is refused", Object.assign(new Error("no"), { name: "AccessDenied" }), "NOT_ALLOWED", 3],
])(
  "a failure after the rotation has begun names its version: reading %s",
  async (_what, error, code, exitCode) => {
    const scene = failingAt(createScene([settled()]), (look) => look > 1, error);
    await expect(rotate(scene, { wait })).rejects.toMatchObject({
      code,
      exitCode,
      details: { secretArn: SECRET_ARN, versionId: NEW },
      message: expect.stringContaining("keyturn status orders/db --stage prod"),
    });
    expect(scene.asked).toEqual(["rotate"]);
  },
);
