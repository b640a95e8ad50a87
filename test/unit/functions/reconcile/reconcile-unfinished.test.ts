import { describe, expect, test } from "vitest";
import { createReconcile } from "../../../../functions/reconcile/reconcile.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";
import { createFakeReconcile } from "../../../fakes/reconcile.ts";

const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);
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

describe("a rotation that is known, and was not handled to its end", () => {
  const told = (hours: number) => ({ ...known(), currentSince: ago(hours).toISOString() });
  const handled = { noticedAt: ago(2).toISOString(), verdict: "accepted" as const };
  const checked = { checkedAt: ago(2).toISOString(), adopted: 1, stale: 0 };
  const scene = (hours: number) => {
    const fake = createFakeReconcile();
    fake.known.push(told(hours));
    fake.listed.push(present(SECRET_ARN, V1));
    return { fake, row: { currentSince: ago(hours).toISOString() } };
  };

  test.each([
    { what: "a notice", row: { verdict: "accepted" as const }, check: checked },
    { what: "a verdict", row: { noticedAt: ago(2).toISOString() }, check: checked },
    { what: "a deadline check", row: handled, check: undefined },
  ])("is fed in again where it has no $what", async ({ row, check }) => {
    const { fake, row: base } = scene(2);
    fake.versions.set(V1, { ...base, ...row });
    if (check) fake.checks.set(V1, check);
    expect(await createReconcile(fake.ports)("m1")).toMatchObject({ missed: [], unfinished: [SECRET_ARN] });
    expect(fake.signs).toEqual([
      {
        v: 1,
        secretArn: SECRET_ARN,
        versionId: V1,
        occurredAt: base.currentSince,
        detectedBy: "reconcile",
      },
    ]);
    expect(fake.events).toMatchObject([
      { type: "RotationMissed", detail: { versionId: V1, knownVersionId: V1 } },
    ]);
  });

  test("is fed in where a crash left it without a row, and where nobody can be asked about the secret", async () => {
    const vault = "vault:kv/app/prod/db";
    const fake = createFakeReconcile();
    fake.known.push({ ...told(2), secretArn: vault });
    fake.secrets.set(vault, { secretArn: vault, isWatched: true });
    expect(await createReconcile(fake.ports)("m1")).toMatchObject({ unfinished: [vault] });
  });

  test("is left alone where it was handled, and where signs and retries may still come", async () => {
    const { fake, row } = scene(2);
    fake.versions.set(V1, { ...row, ...handled });
    fake.checks.set(V1, checked);
    expect(await createReconcile(fake.ports)("m1")).toMatchObject({ unfinished: [] });
    const { fake: young } = scene(0.9);
    expect(await createReconcile(young.ports)("m1")).toMatchObject({ unfinished: [] });
  });

  test("is fed in where services waited at its last check, and that is long ago", async () => {
    const { fake, row } = scene(30);
    fake.versions.set(V1, { ...row, ...handled });
    fake.checks.set(V1, { ...checked, checkedAt: ago(0.9).toISOString(), deferred: 3 });
    expect(await createReconcile(fake.ports)("m1")).toMatchObject({ unfinished: [] });
    fake.checks.set(V1, { ...checked, deferred: 3 });
    expect(await createReconcile(fake.ports)("m2")).toMatchObject({ unfinished: [SECRET_ARN] });
  });

  test("is fed in with growing distance, and no longer than for a day", async () => {
    const fedIn: number[] = [];
    const { fake } = scene(0);
    const { ledger } = fake.ports;
    for (let hour = 0; hour <= 48; hour++) {
      const now = () => new Date(NOW.getTime() + hour * HOUR_MS);
      const outcome = await createReconcile({ ...fake.ports, ledger, now })(`hour ${hour}`);
      if (outcome.unfinished.length > 0) fedIn.push(hour);
    }
    expect(fedIn).toEqual([1, 2, 4, 8, 16]);
  });
});
