import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Parking } from "../../../../client/src/core/parking.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const timeUp = () => "time is up";

function park(parking: Parking, name: string, log: string[], waitMs = 1_000) {
  const ticket = parking.enter(waitMs);
  const wait = () =>
    ticket.wait(timeUp).then(
      () => log.push(`${name} tries`),
      (reason) => log.push(`${name}: ${reason}`),
    );
  void wait();
  return { ticket, waitAgain: () => void wait() };
}

test("wakes in the order of arrival, and keeps the place of one that waits again", async () => {
  const parking = new Parking();
  const log: string[] = [];
  const first = park(parking, "first", log);
  park(parking, "second", log);
  parking.wakeOldest();
  await vi.advanceTimersByTimeAsync(0);
  first.waitAgain();
  parking.wakeOldest();
  await vi.advanceTimersByTimeAsync(0);
  parking.wakeOldest();
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["first tries", "first tries", "second tries"]);
});

test("ends the wait when the time is up, counted over all waits of a ticket", async () => {
  const parking = new Parking();
  const log: string[] = [];
  const { waitAgain } = park(parking, "one", log);
  await vi.advanceTimersByTimeAsync(600);
  parking.wakeAll();
  await vi.advanceTimersByTimeAsync(0);
  waitAgain();
  await vi.advanceTimersByTimeAsync(399);
  expect(log).toEqual(["one tries"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(log).toEqual(["one tries", "one: time is up"]);
});

test("sends everybody away, and leaves no timer behind", async () => {
  const parking = new Parking();
  const log: string[] = [];
  const { ticket } = park(parking, "one", log);
  park(parking, "two", log);
  parking.sendAway(() => "closed");
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["one: closed", "two: closed"]);
  expect(vi.getTimerCount()).toBe(0);
  ticket.leave();
  expect(parking.size).toBe(1);
});

test("sends away at once who waits again after its time has run out", async () => {
  const parking = new Parking();
  const log: string[] = [];
  const { waitAgain } = park(parking, "first", log);
  parking.wakeOldest();
  await vi.advanceTimersByTimeAsync(1_500);
  waitAgain();
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["first tries", "first: time is up"]);
});

test("whoever leaves while waiting hears no more, leaves no timer behind, and does not come back", async () => {
  const parking = new Parking();
  const log: string[] = [];
  const { ticket } = park(parking, "one", log);
  ticket.leave();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  parking.wakeAll();
  parking.sendAway(() => "closed");
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual([]);
  expect(parking.size).toBe(0);
});
