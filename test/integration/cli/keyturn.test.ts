import { randomUUID } from "node:crypto";
import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { asSuperuser } from "../../../local/sample-store.ts";
import { eventually, startTestRun, type TestRun } from "../run/local-run.ts";
import { createTestStore, type TestStore } from "../run/store.ts";
import { startInstance } from "./instance.ts";
import { type Keyturn, useKeyturn } from "./keyturn.ts";
import { startRotatingEndpoint } from "./rotation-function.ts";

let run: TestRun;
let keyturn: Keyturn;
const endings: (() => Promise<void>)[] = [];
beforeAll(async () => {
  run = await startTestRun();
  keyturn = await useKeyturn(run);
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});
afterAll(async () => {
  await keyturn?.dispose();
  await run?.stop();
});

/** A secret whose first version is verified, and on which instances run. */
async function createScene(...instanceIds: readonly string[]): Promise<TestStore> {
  const store = await createTestStore(run);
  for (const instanceId of instanceIds) await join(store, instanceId);
  await eventually(async () => {
    const { document } = await keyturn.json("status", store.secretName, "--local");
    expect(document).toMatchObject({ verdict: "accepted", adopted: instanceIds.length, isWell: true });
  });
  return store;
}

async function join(store: TestStore, instanceId: string, options?: { isDeaf: boolean }): Promise<void> {
  const instance = await startInstance(run, store, instanceId, options);
  endings.push(instance.end);
}

/** A value that the store takes: the password of the secret's user is changed first. */
async function nextValue({ secretArn, database, users }: TestStore, isSetInStore = true): Promise<string> {
  const answer = await run.clients.secrets.send(new GetSecretValueCommand({ SecretId: secretArn }));
  const password = `second-EXAMPLE-${randomUUID()}`;
  if (isSetInStore) {
    await asSuperuser(run.postgres, database, (client) =>
      client.query(`alter role ${users[0]} password '${password}'`),
    );
  }
  return JSON.stringify({ ...JSON.parse(answer.SecretString ?? "{}"), password });
}

describe("status", () => {
  test("shows who runs on the version, as text and as a document, and ends with 0 where all is well", async () => {
    const store = await createScene("web-1:1", "web-2:1");
    const { exitCode, stdout, stderr } = await keyturn.run(["status", store.secretName, "--local"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^orders-api {2}web-1:1 {3}current {2}/m);
    expect(stdout).toContain("All is well: it may be rotated again.");

    const all = await keyturn.json("status", "--local");
    const own = all.document.secrets.find(({ secretArn }) => secretArn === store.secretArn);
    expect(own).toMatchObject({
      name: store.secretName,
      versionId: store.firstVersionId,
      adopted: 2,
      living: 2,
      isWell: true,
    });
  });

  test("ends with 1 where an instance is behind, and with 5 where there is no such secret", async () => {
    const store = await createScene("web-1:1");
    await join(store, "web-2:1", { isDeaf: true });
    const { versionId } = await store.rotate();
    await eventually(async () => {
      const { exitCode, document } = await keyturn.json("status", store.secretName, "--local");
      expect(exitCode).toBe(1);
      expect(document).toMatchObject({ versionId, adopted: 1, living: 2 });
      expect(document.notWell).toContainEqual(
        expect.objectContaining({ code: "instance-behind", instanceId: "web-2:1" }),
      );
    });
    expect(await keyturn.run(["status", "test/nobody", "--local"])).toMatchObject({
      exitCode: 5,
      stdout: "",
      stderr: expect.stringContaining("There is no secret test/nobody"),
    });
  });
});

test("a stage that is not there is not found, and keys that nobody knows are not allowed", async () => {
  for (const [changes, exitCode, said] of [
    [{ stage: "nope" }, 5, "Check --stage"],
    [{ accessKeyId: "LOCALNOBODY" }, 3, "AWS does not take the credentials"],
    [{ awsEndpoint: "http://127.0.0.1:1" }, 4, "No answer: connect ECONNREFUSED"],
  ] as const) {
    const there = await useKeyturn(run, changes);
    endings.push(there.dispose);
    expect(await there.run(["status", "--local"])).toMatchObject({
      exitCode,
      stdout: "",
      stderr: expect.stringContaining(said),
    });
  }
});

test("a task that ECS no longer runs is not waited for, and is shown with --all", async () => {
  const store = await createScene("web-1:1");
  const taskArn = `arn:aws:ecs:us-east-1:000000000000:task/default/${randomUUID().replaceAll("-", "")}`;
  await join(store, taskArn);
  await eventually(async () => {
    const { document } = await keyturn.json("status", store.secretName, "--local", "--all");
    expect(document).toMatchObject({ adopted: 1, living: 1 });
    expect(document.instances).toContainEqual(
      expect.objectContaining({ instanceId: taskArn, state: "ended" }),
    );
  });
  const { document } = await keyturn.json("status", store.secretName, "--local");
  expect(document.instances).toEqual([expect.objectContaining({ instanceId: "web-1:1" })]);
});

describe("rotate", () => {
  test("by a value from stdin: waits until every instance runs on it; the value is shown nowhere", async () => {
    const store = await createScene("web-1:1", "web-2:1");
    const value = await nextValue(store);
    const ended = await keyturn.run(
      ["rotate", store.secretName, "--local", "--wait", "--value-file", "-"],
      `${value}\n`,
    );
    expect(ended).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("2 of 2 instances run on it"),
    });
    for (const what of ["rotated", "noticed", "verified", "adopted"])
      expect(ended.stderr).toMatch(new RegExp(` ${what} `));
    expect(ended.stdout + ended.stderr).not.toContain("second-EXAMPLE");
    const kept = await run.clients.secrets.send(new GetSecretValueCommand({ SecretId: store.secretArn }));
    expect(kept.SecretString).toBe(value);
  });

  test("by the secret's rotation function, with the result as a document", async () => {
    const store = await createScene("web-1:1");
    const endpoint = await startRotatingEndpoint(run, store);
    endings.push(endpoint.close);
    const there = await useKeyturn(run, { awsEndpoint: endpoint.url });
    endings.push(there.dispose);
    const { exitCode, document } = await there.json("rotate", store.secretName, "--local", "--wait");
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({
      adopted: 1,
      living: 1,
      isWell: true,
      outcome: "settled",
      verdict: "accepted",
    });
    expect(document.versionId).not.toBe(store.firstVersionId);
  });

  test("ends with 1 where the store refuses the new credential, and refuses the next one without --force", async () => {
    const store = await createScene("web-1:1");
    const value = await nextValue(store, false);
    const args = ["rotate", store.secretName, "--local", "--value-file", "-"];
    const refused = await keyturn.run([...args, "--wait"], value);
    expect(refused).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("The store refused version"),
    });

    const good = await nextValue(store);
    expect(await keyturn.run(args, good)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("rotate all the same with --force"),
    });
    expect(await keyturn.run([...args, "--wait", "--force"], good)).toMatchObject({ exitCode: 0 });
  });

  test("ends on Ctrl-C while it waits", async () => {
    const store = await createScene();
    await join(store, "web-1:1", { isDeaf: true });
    await eventually(async () => {
      expect((await keyturn.json("status", store.secretName, "--local")).document.living).toBe(1);
    });
    const { versionId } = await store.rotate();
    const value = await nextValue(store);
    const rotating = keyturn.start(
      ["rotate", store.secretName, "--local", "--wait", "--force", "--value-file", "-"],
      value,
    );
    await eventually(() => expect(rotating.stderr()).toMatch(/ verified /));
    rotating.child.kill("SIGINT");
    const { exitCode, stderr } = await rotating.ended;
    expect(exitCode).toBe(130);
    expect(stderr).not.toContain(versionId.slice(0, 8));
  });

  test("says what to do where the secret has no rotation function", async () => {
    const store = await createScene();
    expect(await keyturn.run(["rotate", store.secretName, "--local"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("has no rotation function"),
    });
  });
});

test("history tells who rotated to which version when, and who adopted it", async () => {
  const store = await createScene("web-1:1");
  const { versionId } = await store.rotate();
  await eventually(async () => {
    const { document } = await keyturn.json("history", store.secretName, "--local");
    const ofVersion = document.entries.filter((entry) => entry.versionId === versionId);
    expect(ofVersion).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ what: "rotated", source: "label-updated" }),
        expect.objectContaining({ what: "verified", verdict: "accepted" }),
        expect.objectContaining({ what: "adopted", instanceId: "web-1:1", trigger: "notice" }),
      ]),
    );
  });
  const past = await keyturn.run(["history", store.secretName, "--local", "--since", "2099-01-01"]);
  expect(past).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Nothing happened to") });
});

describe("watch", () => {
  test.each([
    ["the ledger", ["--since", "1h"], ["rotated", "noticed", "verified", "adopted"]],
    ["the channel", ["--channel"], ["noticed", "adopted"]],
  ])(
    "follows rotations by %s, one line of JSON for each step, until it is asked to end",
    async (_by, args, steps) => {
      const store = await createScene("web-1:1");
      const watching = keyturn.start(["watch", "--local", "--json", ...args]);
      const heard = () =>
        watching
          .stdout()
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line))
          .filter(({ secretArn }) => secretArn === store.secretArn);
      // A notice that comes before the subscription would not be heard; reports of the same version are repeated.
      let versionId = "";
      await eventually(async () => {
        versionId = (await store.rotate()).versionId;
        await vi.waitFor(() => expect(heard().map((entry) => entry.versionId)).toContain(versionId), 3_000);
      });
      await eventually(() => {
        const seen = heard().filter((entry) => entry.versionId === versionId);
        expect(seen.map(({ what }) => what)).toEqual(expect.arrayContaining(steps));
      });
      watching.child.kill("SIGINT");
      expect(await watching.ended).toMatchObject({ exitCode: 130, stderr: "" });
    },
  );
});
