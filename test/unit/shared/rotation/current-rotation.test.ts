import { expect, test } from "vitest";
import type { SecretFacts } from "../../../../shared/aws/secrets.ts";
import { DependencyError, InvalidMessageError } from "../../../../shared/contract/errors.ts";
import type { RotationEvent } from "../../../../shared/contract/rotation-event.ts";
import { findRotation } from "../../../../shared/rotation/current-rotation.ts";
import { labelUpdated, ROTATED_AT, rotationSucceeded, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";

const at = (afterMs: number) => () => new Date(Date.parse(ROTATED_AT) + afterMs);
const secretWith = (facts: Partial<SecretFacts> | undefined) => ({
  describe: async () => facts && { secretArn: SECRET_ARN, ...facts },
});
const find = (facts: Partial<SecretFacts> | undefined, event = labelUpdated(), afterMs = 1_000) =>
  findRotation(event, { secrets: secretWith(facts), now: at(afterMs) });

const changedAt = (afterMs: number) => ({ lastChangedAt: at(afterMs)() });

test("finds the rotation whose version is current", async () => {
  expect(await find({ currentVersionId: V2, previousVersionId: V1 })).toMatchObject({ versionId: V2 });
});

test("drops a version that is the previous one by now", async () => {
  expect(await find({ currentVersionId: V1, previousVersionId: V2, ...changedAt(500) })).toBe("superseded");
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
  expect(await find({ currentVersionId: V2, ...changedAt(60_000) }, rotationSucceeded(), 61_000)).toBe(
    "superseded",
  );
});

test.each([
  { what: "still shows the version before as current", facts: { currentVersionId: V1 } },
  { what: "shows no current version", facts: {} },
  { what: "does not find the secret", facts: undefined },
])("does not take a fresh rotation for superseded where a read $what", async ({ facts }) => {
  await expect(find(facts)).rejects.toBeInstanceOf(DependencyError);
});

test("drops what no read shows as current half a minute later", async () => {
  expect(await find({ currentVersionId: V1 }, labelUpdated(), 31_000)).toBe("superseded");
  expect(await find(undefined, rotationSucceeded(), 31_000)).toBe("superseded");
});

test("asks until the answer settles it, one way or the other", async () => {
  const seen: boolean[] = [];
  const describe = async (_: string, isSettled: (facts: SecretFacts | undefined) => boolean) => {
    for (const facts of [undefined, { currentVersionId: V1 }, { currentVersionId: V2 }]) {
      seen.push(isSettled(facts && { secretArn: SECRET_ARN, ...facts }));
    }
    return { secretArn: SECRET_ARN, currentVersionId: V2 };
  };
  await findRotation(labelUpdated(), { secrets: { describe }, now: at(0) });
  expect(seen).toEqual([false, false, true]);
});

test("asks about an old event once", async () => {
  const seen: boolean[] = [];
  const describe = async (_: string, isSettled: (facts: SecretFacts | undefined) => boolean) => {
    seen.push(isSettled(undefined));
    return undefined;
  };
  await findRotation(labelUpdated(), { secrets: { describe }, now: at(31_000) });
  expect(seen).toEqual([true]);
});

test("leaves alone what is not watched", async () => {
  expect(await find({ currentVersionId: V2, isWatched: false })).toBe("not-watched");
});

test("learns the ARN of a secret that CloudTrail names by its name", async () => {
  const event: RotationEvent = { ...labelUpdated(), secretArn: "orders/db", source: "put-secret-value" };
  expect(await find({ currentVersionId: V2, ...changedAt(300) }, event)).toMatchObject({
    secretArn: SECRET_ARN,
    currentSince: at(300)(),
  });
});

test("takes the secret's last change for the time of a move that an event of one's own tells of later", async () => {
  const event: RotationEvent = { ...labelUpdated(), source: "credential-rotated" };
  expect(await find({ currentVersionId: V2, ...changedAt(-20_000) }, event)).toMatchObject({
    currentSince: at(-20_000)(),
  });
});

const elsewhere = (changes: Partial<RotationEvent> = {}): RotationEvent => ({
  secretArn: "vault:kv/app/prod/db",
  versionId: "17",
  source: "credential-rotated",
  occurredAt: ROTATED_AT,
  ...changes,
});

test("takes an event's word for a secret that Secrets Manager does not keep", async () => {
  expect(await find({}, elsewhere())).toEqual({
    secretArn: "vault:kv/app/prod/db",
    versionId: "17",
    detectedBy: "credential-rotated",
    currentSince: new Date(ROTATED_AT),
  });
});

test("takes the word of reconcile for the time of a move, and not a later change of the secret", async () => {
  const event: RotationEvent = { ...labelUpdated(), source: "reconcile" };
  for (const changedAfterMs of [-20_000, 600, 3_600_000])
    expect(await find({ currentVersionId: V2, ...changedAt(changedAfterMs) }, event)).toMatchObject({
      currentSince: at(0)(),
    });
});

test.each(["label-updated", "reconcile", "credential-rotated"] as const)(
  "lets no sign of kind %s be of the future, so that it does not outdo every later rotation",
  async (source) => {
    const event: RotationEvent = { ...labelUpdated(), source, occurredAt: "2099-01-01T00:00:00Z" };
    expect(await find({ currentVersionId: V2 }, event)).toMatchObject({ currentSince: at(1_000)() });
  },
);

test("believes no sender whose clock is ahead", async () => {
  expect(await find({}, elsewhere({ occurredAt: "2099-01-01T00:00:00Z" }))).toMatchObject({
    currentSince: at(1_000)(),
  });
});

test.each([
  {
    what: "a parameter's event without a version",
    secretArn: "arn:aws:ssm:us-east-1:000000000000:parameter/key",
  },
  {
    what: "the reset of a database's credentials",
    secretArn: "arn:aws:rds:us-east-1:000000000000:db:orders",
  },
])("refuses $what, which is for reconcile to resolve", async ({ secretArn }) => {
  const source = secretArn.includes(":rds:") ? "credentials-reset" : "parameter-changed";
  const event: RotationEvent = { secretArn, source, occurredAt: ROTATED_AT };
  await expect(find({}, event)).rejects.toBeInstanceOf(InvalidMessageError);
});
