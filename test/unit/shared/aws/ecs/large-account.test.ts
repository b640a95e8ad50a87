import { expect, test } from "vitest";
import { createLargeAccount } from "./large-account.ts";

test("a secret of 2,000 services with 4,000 tasks is looked through in a bounded number of rounds", async () => {
  const account = createLargeAccount({ services: 2_000, tasks: 4_000, users: 2_000 });
  // 2,000 task definitions at three a second, looked up once in the environment's life.
  const first = await account.search(30);
  expect(first).toMatchObject({ services: 2_000, tasks: 4_000 });
  const asked = account.calls.length;
  const second = await account.search(8);
  expect(second).toMatchObject({ services: 2_000, tasks: 4_000 });
  expect(account.calls.length - asked).toBeLessThan(700);
});

test("a secret of 21 services among 8,000 tasks is looked through in a few rounds", async () => {
  const account = createLargeAccount({ services: 1_000, tasks: 8_000, users: 21 });
  await account.search(15);
  const asked = account.countOf("ListTasks");
  expect(await account.search(5)).toMatchObject({ services: 21, tasks: 168 });
  // All of the cluster, to find the standalone ones, and those of each service.
  expect(account.countOf("ListTasks") - asked).toBe(80 + 21);
});

test("five secrets that are searched at once by the same services take no more calls than one", async () => {
  const account = createLargeAccount({ services: 1_000, tasks: 2_000, users: 1_000 });
  await account.search(15);
  const asked = account.calls.length;
  await account.search(5);
  const forOne = account.calls.length - asked;
  const searches = await Promise.all(
    [0, 1, 2, 3, 4].map((index) => account.search(5, `vault:kv/db-${index}`)),
  );
  expect(searches.map(({ services, tasks }) => [services, tasks])).toEqual(
    searches.map(() => [1_000, 2_000]),
  );
  expect(account.calls.length - asked - forOne).toBeLessThan(1.1 * forOne);
});
