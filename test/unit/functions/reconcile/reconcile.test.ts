import { expect, test } from "vitest";
import { createReconcile } from "../../../../functions/reconcile/reconcile.ts";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";
import { createFakeReconcile } from "../../../fakes/reconcile.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);
const OTHER_ARN = SECRET_ARN.replace("orders", "billing");
const known = (secretArn = SECRET_ARN, versionId = V1) => ({
  secretArn,
  versionId,
  currentSince: ago(700).toISOString(),
});
const present = (secretArn = SECRET_ARN, currentVersionId = V2) => ({
  secretArn,
  currentVersionId,
  previousVersionId: V1,
  lastChangedAt: ago(2),
});

test("feeds a version that no sign told of in, as an event that every handler reads", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known());
  fake.listed.push(present());
  fake.secrets.set(SECRET_ARN, present());
  const outcome = await createReconcile(fake.ports)("m1");

  expect(outcome).toEqual({
    outcome: "reconciled",
    secrets: 1,
    missed: [SECRET_ARN],
    unfinished: [],
    deploymentUnknown: [],
    silent: [],
  });
  const [detail] = fake.signs;
  const event = {
    source: "keyturn.prod",
    "detail-type": "Credential Rotated",
    time: NOW.toISOString(),
    detail,
  };
  expect(parseRotationEvent(event)).toEqual({
    secretArn: SECRET_ARN,
    versionId: V2,
    source: "reconcile",
    occurredAt: ago(2).toISOString(),
  });
  expect(fake.events).toMatchObject([
    {
      type: "RotationMissed",
      detail: { versionId: V2, knownVersionId: V1, currentSince: ago(2).toISOString() },
    },
  ]);
});

test("asks about no secret that the list shows on its known version, nor about one that nobody rotates", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known());
  fake.listed.push(present(SECRET_ARN, V1), {
    secretArn: OTHER_ARN,
    currentVersionId: V1,
    lastChangedAt: ago(2),
  });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ secrets: 2, missed: [] });
  expect(fake.asked).toEqual([]);
  expect(fake.emitted).toEqual([{ name: "SecretsReconciled", value: 2 }]);
});

test("believes no list: what it shows as missed is asked about once", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known(SECRET_ARN, V2));
  fake.listed.push(present(SECRET_ARN, V1));
  fake.secrets.set(SECRET_ARN, present(SECRET_ARN, V2));
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ missed: [] });
  expect(fake.asked).toEqual([SECRET_ARN]);
});

test("asks about a known secret that is not listed, and lets one go that is deleted or no longer watched", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known(), known(OTHER_ARN));
  fake.secrets.set(OTHER_ARN, { ...present(OTHER_ARN), isWatched: false });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ secrets: 2, missed: [] });
  // In the order of the ARNs.
  expect(fake.asked).toEqual([OTHER_ARN, SECRET_ARN]);
});

test("compares a parameter by its version number", async () => {
  const parameterArn = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key";
  const fake = createFakeReconcile();
  fake.known.push(known(parameterArn, "6"));
  fake.secrets.set(parameterArn, { secretArn: parameterArn, isWatched: true });
  fake.parameters.set(parameterArn, { versionId: "7", lastChangedAt: ago(2) });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ missed: [parameterArn] });
  expect(fake.signs).toMatchObject([{ secretArn: parameterArn, versionId: "7" }]);
});

test("takes the word of whoever keeps a secret elsewhere", async () => {
  const vault = "vault:kv/app/prod/db";
  const fake = createFakeReconcile();
  fake.known.push(known(vault, "17"));
  fake.secrets.set(vault, { secretArn: vault, isWatched: true });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ secrets: 1, missed: [] });
});

test("feeds in a parameter that nobody knew and that was changed, and not one that was made", async () => {
  const [changed, made] = ["changed", "made"].map(
    (name) => `arn:aws:ssm:us-east-1:000000000000:parameter/orders/${name}`,
  );
  const fake = createFakeReconcile();
  fake.listedParameters.push(changed ?? "", made ?? "");
  fake.parameters.set(changed ?? "", { versionId: "2", lastChangedAt: ago(2) });
  fake.parameters.set(made ?? "", { versionId: "1", lastChangedAt: ago(2) });
  fake.secrets.set(changed ?? "", { secretArn: changed ?? "", isWatched: true });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ secrets: 2, missed: [changed] });
  expect(fake.signs).toMatchObject([{ secretArn: changed, versionId: "2" }]);
});

test("asks nobody about a parameter that the list shows on its known version", async () => {
  const parameterArn = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key";
  const fake = createFakeReconcile();
  fake.known.push(known(parameterArn, "7"));
  fake.listedParameters.push(parameterArn);
  fake.parameters.set(parameterArn, { versionId: "7", lastChangedAt: ago(700) });
  expect(await createReconcile(fake.ports)("m1")).toMatchObject({ secrets: 1, missed: [] });
  expect(fake.asked).toEqual([]);
});

test("waits its turn before each question", async () => {
  const parameterArn = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key";
  const fake = createFakeReconcile();
  fake.known.push(known(), known(parameterArn, "6"));
  const steps: string[] = [];
  const { watched } = fake.ports.parameters;
  const ask = async (what: string) => void steps.push(what);
  const ports = {
    ...fake.ports,
    secrets: {
      describe: async (secretArn: string) => {
        if (secretArn === SECRET_ARN) await ask(secretArn);
        return { secretArn, isWatched: true };
      },
    },
    parameters: {
      watched,
      describe: async (arn: string) => {
        await ask(arn);
        return undefined;
      },
    },
    pace: { secret: () => ask("turn of secrets"), parameter: () => ask("turn of parameters") },
  };
  await createReconcile(ports)("m1");
  const inOrder = (...wanted: string[]) => steps.filter((step) => wanted.includes(step));
  expect(inOrder("turn of secrets", SECRET_ARN)).toEqual(["turn of secrets", SECRET_ARN]);
  // The first turn is the list's.
  expect(inOrder("turn of parameters", parameterArn)).toEqual([
    "turn of parameters",
    "turn of parameters",
    parameterArn,
  ]);
});

test("sees to the others where one secret cannot be asked about, and then fails", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known(), known(OTHER_ARN));
  fake.secrets.set(OTHER_ARN, present(OTHER_ARN));
  const { describe } = fake.ports.secrets;
  const secrets = {
    describe: (secretArn: string) =>
      secretArn === SECRET_ARN ? Promise.reject(new Error("throttled")) : describe(secretArn),
  };
  const run = createReconcile({ ...fake.ports, secrets })("m1");
  await expect(run).rejects.toThrow(DependencyError);
  await expect(run).rejects.toThrow("1 of 2 secrets could not be reconciled");
  expect(fake.signs).toMatchObject([{ secretArn: OTHER_ARN }]);
});

test("tells of an instance that fell silent once, until it is heard of again", async () => {
  const fake = createFakeReconcile();
  const instance = { instanceId: "task-1", service: "orders-api", versionId: V1 };
  fake.known.push(known());
  fake.listed.push(present(SECRET_ARN, V1));
  fake.instances.set("task-1", { ...instance, heardAt: ago(30).toISOString() });
  const reconcile = createReconcile(fake.ports);

  expect(await reconcile("m1")).toMatchObject({ silent: ["task-1"] });
  expect(await reconcile("m2")).toMatchObject({ silent: [] });
  expect(fake.events).toEqual([
    {
      type: "InstanceSilent",
      detail: {
        v: 1,
        secretArn: SECRET_ARN,
        ...instance,
        occurredAt: ago(4).toISOString(),
        lastHeardAt: ago(30).toISOString(),
      },
    },
  ]);
  fake.instances.set("task-1", { ...instance, heardAt: ago(27).toISOString() });
  expect(await reconcile("m3")).toMatchObject({ silent: ["task-1"] });
});

test("tells of it again, by the very same event, where a run ended between telling and marking", async () => {
  const fake = createFakeReconcile();
  fake.known.push(known());
  fake.listed.push(present(SECRET_ARN, V1));
  const heardAt = ago(30).toISOString();
  fake.instances.set("task-1", { instanceId: "task-1", service: "orders-api", versionId: V1, heardAt });
  const markSilent = () => Promise.reject(new Error("crashed"));
  const crashing = { ...fake.ports, ledger: { ...fake.ports.ledger, markSilent } };
  await expect(createReconcile(crashing)("m1")).rejects.toThrow("1 of 1 secrets");
  await createReconcile(fake.ports)("m1");
  // Measure counts it once.
  expect(fake.events).toHaveLength(2);
  expect(fake.events[0]).toEqual(fake.events[1]);
  expect(fake.instances.get("task-1")).toMatchObject({ silentSince: ago(4).toISOString() });
});
