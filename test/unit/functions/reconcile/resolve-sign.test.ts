import { expect, test } from "vitest";
import { createResolveSign } from "../../../../functions/reconcile/resolve-sign.ts";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import type { RotationEvent } from "../../../../shared/contract/rotation-event.ts";
import { NOW, SECRET_ARN, V2 } from "../../../fakes/pipeline.ts";
import { createFakeReconcile } from "../../../fakes/reconcile.ts";

const DATABASE_ARN = "arn:aws:rds:us-east-1:000000000000:db:orders-db";
const PARAMETER_ARN = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key";
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const reset = (ageMs = 5_000): RotationEvent => ({
  secretArn: DATABASE_ARN,
  source: "credentials-reset",
  occurredAt: ago(ageMs).toISOString(),
});
const changed = (ageMs = 5_000): RotationEvent => ({
  secretArn: PARAMETER_ARN,
  source: "parameter-changed",
  occurredAt: ago(ageMs).toISOString(),
});

test("finds the secret that RDS manages for the database, and hands its current version on", async () => {
  const fake = createFakeReconcile();
  fake.managed.set(DATABASE_ARN, SECRET_ARN);
  fake.secrets.set(SECRET_ARN, { secretArn: SECRET_ARN, currentVersionId: V2, lastChangedAt: ago(4_000) });
  expect(await createResolveSign(fake.ports)(reset())).toBe("handed-on");
  expect(fake.signs).toEqual([
    {
      v: 1,
      secretArn: SECRET_ARN,
      versionId: V2,
      occurredAt: ago(4_000).toISOString(),
      detectedBy: "credentials-reset",
    },
  ]);
});

test("hands a parameter's version number on", async () => {
  const fake = createFakeReconcile();
  fake.parameters.set(PARAMETER_ARN, { versionId: "7", lastChangedAt: ago(4_900) });
  expect(await createResolveSign(fake.ports)(changed())).toBe("handed-on");
  expect(fake.signs).toMatchObject([
    { secretArn: PARAMETER_ARN, versionId: "7", detectedBy: "parameter-changed" },
  ]);
});

test.each([
  { what: "a database without a managed secret", sign: reset(), is: "no-managed-secret" },
  { what: "a parameter that is gone", sign: changed(60_000), is: "gone" },
])("drops $what, says why, and counts it", async ({ sign, is }) => {
  const fake = createFakeReconcile();
  expect(await createResolveSign(fake.ports)(sign)).toBe(is);
  expect(fake.signs).toEqual([]);
  expect(fake.emitted).toEqual([{ name: "SignDropped", value: 1 }]);
});

test("where names or tags say what is watched, a database without a managed secret is somebody else's", async () => {
  const fake = createFakeReconcile();
  expect(await createResolveSign({ ...fake.ports, watchesAll: false })(reset())).toBe("not-watched");
  expect(fake.emitted).toEqual([]);
});

test("drops the reset of a database whose secret was not changed for it", async () => {
  const fake = createFakeReconcile();
  fake.managed.set(DATABASE_ARN, SECRET_ARN);
  fake.secrets.set(SECRET_ARN, {
    secretArn: SECRET_ARN,
    currentVersionId: V2,
    lastChangedAt: ago(86_400_000),
  });
  const resolve = createResolveSign(fake.ports);
  await expect(resolve(reset())).rejects.toThrow(DependencyError);
  expect(await resolve(reset(60_000))).toBe("not-changed");
  expect(fake.signs).toEqual([]);
});

test("waits for a parameter's new version as long as reads may lag behind, and takes what there is then", async () => {
  const fake = createFakeReconcile();
  fake.parameters.set(PARAMETER_ARN, { versionId: "6", lastChangedAt: ago(86_400_000) });
  const resolve = createResolveSign(fake.ports);
  await expect(resolve(changed())).rejects.toThrow(DependencyError);
  expect(await resolve(changed(60_000))).toBe("handed-on");
});

test.each([reset(), changed()])("leaves alone what is not watched ($source)", async (sign) => {
  const fake = createFakeReconcile();
  fake.managed.set(DATABASE_ARN, SECRET_ARN);
  fake.secrets.set(SECRET_ARN, { secretArn: SECRET_ARN, isWatched: false });
  fake.secrets.set(PARAMETER_ARN, { secretArn: PARAMETER_ARN, isWatched: false });
  expect(await createResolveSign(fake.ports)(sign)).toBe("not-watched");
  expect(fake.signs).toEqual([]);
  expect(fake.emitted).toEqual([]);
});
