import { expect, test } from "vitest";
import { connectionGivenBack, runOperation } from "../../../../client/src/mongo/operation-run.ts";

const failure = new Error("refused");

/** An operation of the driver, which gives its connection back in the end. */
async function operate(): Promise<void> {
  await Promise.resolve();
  connectionGivenBack();
}

test("tells nothing to have been sent where no connection was given back", async () => {
  expect(await runOperation(() => Promise.reject(failure))).toEqual({ error: failure, wasSent: false });
});

test("tells of an operation before the one that failed", async () => {
  const run = runOperation(async () => {
    await operate();
    throw failure;
  });
  expect(await run).toEqual({ error: failure, wasSent: true });
});

test("keeps operations apart that run at the same time", async () => {
  const [refused, sent] = await Promise.all([
    runOperation(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw failure;
    }),
    runOperation(operate),
  ]);
  expect(refused).toEqual({ error: failure, wasSent: false });
  expect(sent).toEqual({ value: undefined });
});

test("counts what an operation inside of it has sent", async () => {
  const run = runOperation(async () => {
    await runOperation(operate);
    throw failure;
  });
  expect(await run).toEqual({ error: failure, wasSent: true });
});

test("takes what is thrown at once like what is rejected", async () => {
  const throwing = () => {
    throw failure;
  };
  expect(await runOperation(throwing)).toEqual({ error: failure, wasSent: false });
});
