import { expect, test } from "vitest";
import type { SecretFacts } from "../../../../shared/aws/secrets.ts";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { findCurrentRotation } from "../../../../shared/rotation/current-rotation.ts";
import { labelUpdated, ROTATED_AT, rotationSucceeded, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";

const at = (afterMs: number) => () => new Date(Date.parse(ROTATED_AT) + afterMs);
const secretWith = (facts: Partial<SecretFacts> | undefined) => ({
  describe: async () => facts && { secretArn: SECRET_ARN, ...facts },
});
const find = (facts: Partial<SecretFacts> | undefined, event = labelUpdated(), afterMs = 1_000) =>
  findCurrentRotation(event, { secrets: secretWith(facts), now: at(afterMs) });

const changedAt = (afterMs: number) => ({ lastChangedAt: at(afterMs)() });

test("finds the rotation whose version is current", async () => {
  expect(await find({ currentVersionId: V2, previousVersionId: V1 })).toMatchObject({ versionId: V2 });
});

test("drops a version that is the previous one by now", async () => {
  expect(await find({ currentVersionId: V1, previousVersionId: V2, ...changedAt(500) })).toBeUndefined();
});

test("does not take a version that is current again for the previous one it was before", async () => {
  const olderThanTheMoveBack = { currentVersionId: V1, previousVersionId: V2, ...changedAt(-180_000) };
  await expect(find(olderThanTheMoveBack)).rejects.toBeInstanceOf(DependencyError);
});

test("takes CloudTrail's event for the version whose move was the secret's last change, and that for its time", async () => {
  const facts = { currentVersionId: V2, ...changedAt(-400) };
  expect(await find(facts, rotationSucceeded())).toMatchObject({ versionId: V2, currentSince: at(-400)() });
});

test("drops CloudTrail's event where the secret was changed since: that may be the next rotation", async () => {
  expect(
    await find({ currentVersionId: V2, ...changedAt(60_000) }, rotationSucceeded(), 61_000),
  ).toBeUndefined();
});

test.each([
  { what: "still shows the version before as current", facts: { currentVersionId: V1 } },
  { what: "shows no current version", facts: {} },
  { what: "does not find the secret", facts: undefined },
])("does not take a fresh rotation for superseded where a read $what", async ({ facts }) => {
  await expect(find(facts)).rejects.toBeInstanceOf(DependencyError);
});

test("drops what no read shows as current half a minute later", async () => {
  expect(await find({ currentVersionId: V1 }, labelUpdated(), 31_000)).toBeUndefined();
  expect(await find(undefined, rotationSucceeded(), 31_000)).toBeUndefined();
});

test("asks until the answer settles it, one way or the other", async () => {
  const seen: boolean[] = [];
  const describe = async (_: string, isSettled: (facts: SecretFacts | undefined) => boolean) => {
    for (const facts of [undefined, { currentVersionId: V1 }, { currentVersionId: V2 }]) {
      seen.push(isSettled(facts && { secretArn: SECRET_ARN, ...facts }));
    }
    return { secretArn: SECRET_ARN, currentVersionId: V2 };
  };
  await findCurrentRotation(labelUpdated(), { secrets: { describe }, now: at(0) });
  expect(seen).toEqual([false, false, true]);
});
