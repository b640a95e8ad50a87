import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { StandInOptions } from "../../../../client/src/redis/stand-in-options.ts";

const given = { retryStrategy: () => null, maxRetriesPerRequest: 0, enableOfflineQueue: false };

function begin() {
  const client = Object.assign(new EventEmitter(), { options: { ...given }, status: "ready" });
  const failures: Error[] = [];
  const standIn = new StandInOptions(client as unknown as Redis, (reason) => failures.push(reason));
  standIn.apply();
  const to = (status: string) => {
    client.status = status;
    client.emit(status);
  };
  return { client, failures, standIn, to };
}

test("a connection that is ended is no failure, and commands wait for the next", () => {
  const { client, failures, standIn, to } = begin();
  expect(client.options).toMatchObject({ maxRetriesPerRequest: null, enableOfflineQueue: true });
  expect(standIn.given).toEqual(given);
  to("close");
  expect(client.options).toMatchObject({ maxRetriesPerRequest: 0, enableOfflineQueue: true });
  to("ready");
  expect(client.options).toEqual(given);
  expect(standIn.given).toBeUndefined();
  expect(failures).toEqual([]);
  expect(client.eventNames()).toEqual([]);
});

test.each(["close", "end"])("where the next connection fails (%s), commands wait no longer", (status) => {
  const { client, failures, to } = begin();
  to("close");
  to(status);
  expect(client.options).toEqual(given);
  expect(failures).toMatchObject([{ message: expect.stringContaining("enableOfflineQueue") }]);
});

test("what the application gave is kept where it is applied again before the next connection", () => {
  const { client, standIn, to } = begin();
  to("close");
  standIn.apply();
  to("ready");
  expect(client.options).toEqual(given);
});
