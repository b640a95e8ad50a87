import { expect, test } from "vitest";
import { createReconcile } from "../../../../functions/reconcile/reconcile.ts";
import { NOW, SECRET_ARN, V1 } from "../../../fakes/pipeline.ts";
import { createFakeReconcile } from "../../../fakes/reconcile.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);
const known = (secretArn = SECRET_ARN, versionId = V1) => ({
  secretArn,
  versionId,
  currentSince: ago(700).toISOString(),
});
const present = { secretArn: SECRET_ARN, currentVersionId: V1, lastChangedAt: ago(700) };
const PARAMETER_ARN = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key";
const VAULT = "vault:kv/app/prod/db";

test("marks a secret and a parameter that are gone, once, and none of which nobody can be asked", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known(), known(PARAMETER_ARN, "6"), known(VAULT, "17"));
  fake.secrets.set(PARAMETER_ARN, { secretArn: PARAMETER_ARN, isWatched: true });
  fake.secrets.set(VAULT, { secretArn: VAULT, isWatched: true });
  const marked: string[] = [];
  const { recordPresence } = fake.ports.ledger;
  const ledger = {
    ...fake.ports.ledger,
    recordPresence: async (secretArn: string, goneSince: Date | undefined) => {
      marked.push(secretArn);
      await recordPresence(secretArn, goneSince);
    },
  };
  const reconcile = createReconcile({ ...fake.ports, ledger });
  await reconcile("m1");
  await reconcile("m2");
  expect(marked.toSorted()).toEqual([SECRET_ARN, PARAMETER_ARN].toSorted());
  expect(fake.known.map(({ goneSince }) => goneSince !== undefined)).toEqual([true, true, false]);
});

test("takes the mark away from a secret that is there again, and sets none on one that is not watched", async () => {
  const fake = createFakeReconcile();
  const other = SECRET_ARN.replace("orders", "billing");
  fake.known.push({ ...known(), goneSince: ago(5).toISOString() }, known(other));
  fake.listed.push(present);
  fake.secrets.set(other, { ...present, secretArn: other, isWatched: false });
  await createReconcile(fake.ports)("m1");
  expect(fake.known).toEqual([known(), known(other)]);
});

const silent = { instanceId: "task-1", service: "orders-api", versionId: V1, heardAt: ago(30).toISOString() };

test("tells of a silent instance of a secret that was never rotated, which counts as no rotation", async () => {
  const fake = createFakeReconcile();
  fake.known.push({ secretArn: SECRET_ARN });
  fake.listed.push(present);
  fake.instances.set("task-1", silent);
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({
    missed: [],
    unfinished: [],
    silent: ["task-1"],
  });
});

test.each([SECRET_ARN, PARAMETER_ARN])(
  "asks nobody about what is known by reports alone, and tells of its silent instances: %s",
  async (secretArn) => {
    const fake = createFakeReconcile();
    fake.known.push({ secretArn });
    fake.instances.set("task-1", silent);
    const turns: string[] = [];
    const turn = async () => void turns.push("of one secret");
    const parameters = { ...fake.ports.parameters, async *watched() {} };
    const ports = { ...fake.ports, parameters, pace: { secret: turn, parameter: turn } };
    expect(await createReconcile(ports)("m1")).toMatchObject({
      outcome: "reconciled",
      secrets: 1,
      missed: [],
      silent: ["task-1"],
    });
    expect([...turns, ...fake.asked]).toEqual([]);
    expect(fake.known).toEqual([{ secretArn }]);
  },
);

test("asks about one that is listed and was rotated before anybody told of it, though only reports made it known", async () => {
  const fake = createFakeReconcile();
  const rotated = { ...present, previousVersionId: "before", lastChangedAt: ago(2) };
  fake.known.push({ secretArn: SECRET_ARN });
  fake.listed.push(rotated);
  fake.secrets.set(SECRET_ARN, rotated);
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ missed: [SECRET_ARN] });
});
