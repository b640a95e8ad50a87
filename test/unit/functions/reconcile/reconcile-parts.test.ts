import { describe, expect, test } from "vitest";
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
describe("a run that takes longer than one invocation has time for", () => {
  const arns = Array.from({ length: 25 }, (_, index) =>
    SECRET_ARN.replace("orders", `secret-${String.fromCharCode(97 + index)}`),
  );
  const scene = () => {
    const fake = createFakeReconcile();
    // Against the order of the ARNs.
    fake.known.push(...arns.toReversed().map((secretArn) => known(secretArn)));
    return fake;
  };

  test("goes on by an event where it stopped, and asks about each secret once", async () => {
    const fake = scene();
    const reconcile = createReconcile({ ...fake.ports, budgetMs: 12 });
    expect(await reconcile("m1")).toMatchObject({ outcome: "continued" });
    for (let part = 0; fake.continuations[part]; part++)
      await reconcile(`m${part + 2}`, fake.continuations[part]);
    expect(fake.continuations.length).toBeGreaterThan(0);
    expect(fake.continuations.map(({ part }) => part)).toEqual(
      fake.continuations.map((_, index) => index + 2),
    );
    expect(fake.asked.toSorted()).toEqual(arns);
    expect(fake.emitted.reduce((sum, { value }) => sum + value, 0)).toBe(arns.length);
  });

  test("carries on what could not be asked about, and fails at the end if it still cannot", async () => {
    const fake = scene();
    const { describe: describeSecret } = fake.ports.secrets;
    const secrets = {
      describe: async (secretArn: string) => {
        const facts = await describeSecret(secretArn);
        if (secretArn === arns[0]) throw new Error("throttled");
        return facts;
      },
    };
    const reconcile = createReconcile({ ...fake.ports, secrets, budgetMs: 12 });
    await reconcile("m1");
    expect(fake.continuations[0]?.again).toEqual([arns[0]]);
    const last = { after: arns.at(-1) ?? "", again: [arns[0] ?? ""], part: 3 };
    await expect(reconcile("m3", last)).rejects.toThrow("1 of 1 secrets could not be reconciled");
  });

  test("fails instead of going on for ever without getting anywhere", async () => {
    const fake = scene();
    await expect(createReconcile({ ...fake.ports, budgetMs: 0 })("m1")).rejects.toThrow("25 had no turn");
    expect(fake.continuations).toEqual([]);
  });
});
