import { expect, test } from "vitest";
import type { DeadLetters } from "../../../../cli/src/aws/dead-letters.ts";
import { replayDeadLetters } from "../../../../cli/src/commands/replay.ts";
import { STAGE } from "../fixtures.ts";
import { listen } from "../said.ts";

/** Two messages, of which one has moved when the operator has had enough. */
function leaveAfterOne(goesOnAlone: boolean) {
  const ending = new AbortController();
  const deadLetters: DeadLetters = {
    goesOnAlone,
    depth: async (queue) => ({ queue, messages: 0, deadLetters: 2, isRedriven: true }),
    peek: async () => [],
    moveBack: async (_queue, onMoved, signal) => {
      onMoved(1);
      ending.abort();
      signal.throwIfAborted();
      return 2;
    },
  };
  return { deadLetters, signal: ending.signal };
}

test.each([
  [true, "1 of 2 were sent back. SQS goes on with the others"],
  [false, "1 of 2 were sent back. The others stay where they are"],
])("on Ctrl-C it says what becomes of the rest (a move task of SQS: %s)", async (goesOnAlone, expected) => {
  const said = listen();
  const ended = replayDeadLetters({ queue: "notify" }, STAGE, leaveAfterOne(goesOnAlone), said.say);
  await expect(ended).rejects.toMatchObject({ name: "AbortError" });
  expect(said.err()).toEqual([
    `${expected}: keyturn replay notify --dry-run --stage prod shows what is left.`,
  ]);
});

test("a failure is no such end", async () => {
  const { deadLetters } = leaveAfterOne(true);
  const failing = { ...deadLetters, moveBack: () => Promise.reject(new Error("SQS stopped")) };
  const said = listen();
  const signal = new AbortController().signal;
  await expect(
    replayDeadLetters({ queue: "notify" }, STAGE, { deadLetters: failing, signal }, said.say),
  ).rejects.toThrow("SQS stopped");
  expect(said.err()).toEqual([]);
});
