import { expect, test } from "vitest";
import { OpenTransaction } from "../../../../client/src/redis/open-transaction.ts";

function after(...names: string[]) {
  const transaction = new OpenTransaction();
  const hasEnded = names.map((name) => transaction.note(name)).at(-1);
  return { hasEnded, isOpen: transaction.isOpen, isQueueing: transaction.isQueueing };
}

test.each([
  { sent: ["get"], isOpen: false, isQueueing: false, hasEnded: false },
  { sent: ["multi", "set"], isOpen: true, isQueueing: true, hasEnded: false },
  { sent: ["MULTI", "EXEC"], isOpen: false, isQueueing: false, hasEnded: true },
  { sent: ["watch", "get"], isOpen: true, isQueueing: false, hasEnded: false },
  { sent: ["watch", "unwatch"], isOpen: false, isQueueing: false, hasEnded: true },
  { sent: ["watch", "multi", "exec"], isOpen: false, isQueueing: false, hasEnded: true },
  { sent: ["watch", "multi", "discard"], isOpen: false, isQueueing: false, hasEnded: true },
  { sent: ["multi", "unwatch"], isOpen: true, isQueueing: true, hasEnded: false },
])("after $sent: open $isOpen, queueing $isQueueing, ended $hasEnded", ({ sent, ...state }) => {
  expect(after(...sent)).toEqual(state);
});

test("nothing is open when the connection is gone", () => {
  const transaction = new OpenTransaction();
  transaction.note("watch");
  transaction.note("multi");
  transaction.reset();
  expect(transaction.isOpen).toBe(false);
});
