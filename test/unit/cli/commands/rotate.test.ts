import { expect, test } from "vitest";
import { isOver } from "../../../../cli/src/commands/follow-adoption.ts";
import type { SecretView } from "../../../../shared/aws/ledger.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import { instance, NEW, OLD, rotation, SERVICE_ARN, secretView, taskArn } from "../fixtures.ts";
import { createScene, rotate, settled, wait } from "./rotate-scene.ts";

test("begins a rotation and says the version", async () => {
  const scene = createScene([settled()]);
  const { exitCode, out } = await rotate(scene);
  expect(exitCode).toBe(0);
  expect(scene.asked).toEqual(["rotate"]);
  expect(out).toEqual([
    `orders/db is being rotated to version ${NEW}. keyturn status orders/db --stage prod shows who runs on it.`,
  ]);
});

test("waits until the version is known, verified and in use everywhere; steps go to stderr, each once", async () => {
  const arriving = (changes: Partial<SecretView> = {}) =>
    secretView({ instances: [instance({ versionId: OLD })], ...changes });
  const scene = createScene([settled(), settled(), arriving({ current: rotation() }), secretView()]);
  const { exitCode, out, err } = await rotate(scene, { wait });
  expect(exitCode).toBe(0);
  expect(out).toEqual([
    `orders/db is on version ${NEW}: 1 of 1 instances run on it; its login succeeded (2.0 s).`,
  ]);
  expect(err).toEqual([
    `Rotating orders/db to version ${NEW}; Ctrl-C ends the waiting, not the rotation`,
    "2026-11-20 12:00:00.000  noticed           22222222  services were told",
  ]);
});

test("shows adoption, and waits for the check that finds who does not report, beyond the deadline of the stage", async () => {
  const { checkedAt: _, ...unchecked } = rotation({
    currentSince: "2026-11-20T12:00:00.000Z",
    sources: [{ source: "label-updated", toldAt: "2026-11-20T12:00:00.500Z" }],
    adoptedLastAt: "2026-11-20T12:00:01.200Z",
  });
  const waiting = secretView({ current: unchecked, rotations: [unchecked] });
  const checked = { ...unchecked, checkedAt: "2026-11-20T12:01:01.000Z" };
  const found = secretView({ current: checked, rotations: [checked] });
  const views = [settled(), ...Array<SecretView>(61).fill(waiting), found];
  const { exitCode, out, err } = await rotate(createScene(views), { wait: { intervalMs: 1_000 } });
  expect(exitCode).toBe(0);
  expect(err).toContain(
    "1 of 1 instances run on it, the last after 1.2 s; waiting for the check at 12:01:00 UTC that finds who does not report",
  );
  expect(err.filter((line) => line.includes("waiting for"))).toHaveLength(1);
  expect(out).toEqual([
    `orders/db is on version ${NEW}: 1 of 1 instances run on it, the last after 1.2 s; its login succeeded (61.0 s).`,
  ]);
});

test("waits for the deadline and five minutes, unless told otherwise", async () => {
  const { checkedAt: _, ...unchecked } = rotation();
  const never = secretView({ current: unchecked, rotations: [unchecked] });
  const { exitCode, out } = await rotate(
    createScene([settled(), never]),
    { wait: { intervalMs: 10_000 } },
    true,
  );
  expect(exitCode).toBe(1);
  expect(JSON.parse(out[0] ?? "")).toMatchObject({
    outcome: "timed-out",
    tookMs: 360_000,
    notWell: [{ code: "adoption-not-checked", versionId: NEW }],
  });
});

test("ends at once with 1 where the store refuses the new version", async () => {
  const current = rotation({ verdict: "rejected" });
  const scene = createScene([settled(), secretView({ current, instances: [instance({ versionId: OLD })] })]);
  const { exitCode, out } = await rotate(scene, { wait });
  expect(exitCode).toBe(1);
  expect(out.join("\n")).toContain("The store refused version 22222222");
});

test("gives up at the timeout with 1, and says who is behind", async () => {
  const scene = createScene([settled(), secretView({ instances: [instance({ versionId: OLD })] })]);
  const { exitCode, out } = await rotate(scene, { wait }, true);
  expect(exitCode).toBe(1);
  expect(JSON.parse(out[0] ?? "")).toMatchObject({
    versionId: NEW,
    adopted: 0,
    living: 1,
    outcome: "timed-out",
    tookMs: 10_000,
    notWell: [{ code: "instance-behind", service: "orders-api" }],
  });
});

test("ends with 1 where another version came in between, as the one before that was restored", async () => {
  const refused = rotation({ verdict: "rejected" });
  const restored = rotation({ versionId: OLD, currentSince: "2026-11-20T12:00:01.000Z" });
  const view = secretView({ current: restored, rotations: [restored, refused], instances: [] });
  const { exitCode, out } = await rotate(createScene([settled(), view]), { wait });
  expect(exitCode).toBe(1);
  expect(out.join("\n")).toMatch(/The store refused version 22222222.*\n.*By now version 11111111-/);
  const next = rotation({ verdict: "accepted" });
  const overtaken = secretView({ current: restored, rotations: [restored, next], instances: [] });
  expect((await rotate(createScene([settled(), overtaken]), { wait })).exitCode).toBe(1);
});

test("says where the rotation function has not finished by the timeout", async () => {
  const scene = createScene([settled()], { pendingVersionId: NEW });
  const { exitCode, out } = await rotate(scene, { wait });
  expect(exitCode).toBe(1);
  expect(out.join("\n")).toContain("still waits as AWSPENDING: the rotation function has not finished");
});

test("a secret without a rotation function is refused with what to do, unless a value is handed in", async () => {
  const scene = createScene([settled()], { canRotate: false });
  await expect(rotate(scene)).rejects.toMatchObject({
    code: "NO_ROTATION_FUNCTION",
    exitCode: 2,
    message: expect.stringContaining("keyturn rotate orders/db --value-file FILE --stage prod"),
  });
  expect((await rotate(scene, { value: new Redacted("first-EXAMPLE") })).exitCode).toBe(0);
  expect(scene.asked).toEqual(["put first-EXAMPLE"]);
});

test("is refused while an instance is still behind, unless it is forced", async () => {
  const behind = settled();
  const scene = createScene([
    { ...behind, instances: [...behind.instances, instance({ instanceId: taskArn("2"), versionId: NEW })] },
  ]);
  await expect(rotate(scene)).rejects.toMatchObject({ code: "NOT_SAFE_TO_ROTATE", exitCode: 1 });
  expect(scene.asked).toEqual([]);
  expect((await rotate(scene, { force: true })).exitCode).toBe(0);
});

test("a secret of which the ledger knows nothing may be another stage's, and is rotated by --force alone", async () => {
  const { current: _, ...nothing } = secretView({ rotations: [], instances: [] });
  const scene = createScene([nothing]);
  await expect(rotate(scene)).rejects.toMatchObject({
    code: "SECRET_NOT_KNOWN",
    exitCode: 1,
    message: expect.stringMatching(/ledger of stage prod knows of no rotation.*--stage.*--force/),
  });
  expect(scene.asked).toEqual([]);
  expect((await rotate(scene, { force: true })).exitCode).toBe(0);
  const reported = createScene([{ ...nothing, instances: [instance({ versionId: OLD })] }]);
  expect((await rotate(reported)).exitCode).toBe(0);
});

test("a secret that is kept elsewhere is rotated there", async () => {
  const scene = createScene([settled()], { secretArn: "vault:kv/app/db", canRotate: false });
  const refusal = { code: "NOT_IN_SECRETS_MANAGER", exitCode: 2 };
  await expect(rotate(scene)).rejects.toMatchObject(refusal);
  await expect(rotate(scene, { value: new Redacted("first-EXAMPLE") })).rejects.toMatchObject(refusal);
});

test("an unknown secret is not found", async () => {
  await expect(rotate(createScene([settled()]), { secretId: "nope" })).rejects.toMatchObject({
    code: "SECRET_NOT_FOUND",
    exitCode: 5,
  });
});

test("waiting ends where longer waiting changes nothing", () => {
  const behind = { code: "instance-behind", instanceId: "i", service: "s" } as const;
  const silent = { code: "instance-silent", instanceId: "i", service: "s" } as const;
  expect(isOver([])).toBe(true);
  expect(isOver([{ code: "credential-rejected", versionId: NEW }, behind])).toBe(true);
  expect(isOver([{ code: "credential-unverified", versionId: NEW, verdict: "unverifiable" }])).toBe(true);
  expect(isOver([behind, silent])).toBe(true);
  expect(
    isOver([behind, { code: "service-behind", serviceArn: SERVICE_ARN, decision: "secret-pinned" }]),
  ).toBe(true);
  expect(isOver([behind])).toBe(false);
  expect(isOver([{ code: "adoption-not-checked", versionId: NEW }])).toBe(false);
  expect(isOver([{ code: "verdict-missing", versionId: NEW }])).toBe(false);
  expect(isOver([{ code: "redeploy-under-way", serviceArn: SERVICE_ARN }])).toBe(false);
});
