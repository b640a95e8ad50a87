import { expect, test } from "vitest";
import { SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { ACCEPTED, createVerifying, REJECTED, RESTORE_LEASE_MS, UNREACHABLE } from "./verify-fixtures.ts";

const V3 = "33333333-3333-4333-8333-333333333333";
/** The refused version is tried five times over the allowance; then comes the one before. */
const refusedFor = (tries: number) => Array.from({ length: tries }, () => REJECTED);

test("leaves AWSCURRENT alone unless it is told to move it", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  expect(await verifying.handle()).toBe("rejected");
  expect(verifying.moves).toEqual([]);
});

test("moves AWSCURRENT from a refused version to the one before, which still logs in, and tells of it", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  expect(await verifying.restore()).toBe("restored");
  expect(verifying.moves).toEqual([V1]);
  expect(verifying.verdict()).toBe("rejected");
  expect(verifying.events).toMatchObject([
    { type: "CredentialRejected", detail: { versionId: V2 } },
    { type: "CredentialRestored", detail: { versionId: V2, restoredVersionId: V1 } },
  ]);
});

test("does not move it to a version that is refused as well", async () => {
  const verifying = createVerifying([REJECTED]);
  expect(await verifying.restore()).toBe("no-good-previous-version");
  expect(verifying.moves).toEqual([]);
});

test("does not move it while the store does not answer, and goes on when the message comes again", async () => {
  const verifying = createVerifying([...refusedFor(5), UNREACHABLE, REJECTED, ACCEPTED]);
  await expect(verifying.restore()).rejects.toBe(UNREACHABLE);
  expect(verifying.moves).toEqual([]);
  expect(await verifying.restore()).toBe("restored");
  // The delivery after the refusal is one more login with the bad credential, and no series of them.
  expect(verifying.triedAtMs).toEqual([0, 1_000, 4_000, 13_000, 30_000, 30_000, 30_000, 30_000]);
});

test("gives way to a rotation that is under way", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  Object.assign(verifying.facts, { pendingVersionId: V3 });
  expect(await verifying.restore()).toBe("rotation-under-way");
  expect(verifying.moves).toEqual([]);
});

test("leaves a secret alone that RDS manages, which nobody else may change", async () => {
  const tags = { "aws:rds:primaryDBInstanceArn": "arn:aws:rds:us-east-1:000000000000:db:orders" };
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.databases.set(tags["aws:rds:primaryDBInstanceArn"], {
    engine: "postgres",
    host: "db.example.com",
    port: 5_432,
    masterSecretArn: SECRET_ARN,
  });
  Object.assign(verifying.facts, { tags });
  expect(await verifying.restore()).toBe("managed-by-rds");
  expect(verifying.moves).toEqual([]);
});

test("does not take AWSPENDING for a rotation where it was left on the version that became current", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  Object.assign(verifying.facts, { pendingVersionId: V2 });
  expect(await verifying.restore()).toBe("restored");
  // There, beside no AWSCURRENT, it would keep RotateSecret from rotating.
  expect(verifying.facts.pendingVersionId).toBeUndefined();
  expect(verifying.pendingTaken).toEqual([V2]);
});

test("gives way to a version that becomes current while the one before is tried", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.during.call = (name) => {
    if (name === "move") Object.assign(verifying.facts, { currentVersionId: V3, previousVersionId: V2 });
  };
  expect(await verifying.restore()).toBe("superseded");
  expect(verifying.moves).toEqual([]);
  expect(verifying.eventTypes()).toEqual(["CredentialRejected"]);
});

test("moves it from one version once: who moves it there again has the last word", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED, ...refusedFor(5), ACCEPTED]);
  expect(await verifying.restore("message-1")).toBe("restored");
  Object.assign(verifying.facts, { currentVersionId: V2, previousVersionId: V1 });
  verifying.versions.delete(V2);
  expect(await verifying.restore("message-2")).toBe("restored-before");
  expect(verifying.moves).toEqual([V1]);
});

test("of a version that was rejected before it moves the label upon a fresh refusal alone", async () => {
  const refused = createVerifying([...refusedFor(6), ACCEPTED]);
  await refused.handle();
  expect(await refused.restore()).toBe("restored");
  expect(refused.triedAtMs).toHaveLength(7);
  expect(refused.eventTypes()).toEqual(["CredentialRejected", "CredentialRestored"]);
  const mended = createVerifying([...refusedFor(5), ACCEPTED]);
  await mended.handle();
  expect(await mended.restore()).toBe("accepted");
  expect(mended.moves).toEqual([]);
});

test("does not note a move that another version forestalled, so that a later refusal of the version may lead to one", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED, ...refusedFor(5), ACCEPTED]);
  verifying.during.call = (name) => {
    if (name === "move" && verifying.moves.length === 0) {
      Object.assign(verifying.facts, { currentVersionId: V3, previousVersionId: V2 });
      verifying.during.call = () => undefined;
    }
  };
  expect(await verifying.restore("message-1")).toBe("superseded");
  Object.assign(verifying.facts, { currentVersionId: V2, previousVersionId: V1 });
  verifying.versions.set(V2, { currentSince: "2026-11-20T11:00:00.000Z", detectedBy: "label-updated" });
  expect(await verifying.restore("message-2")).toBe("restored");
});

/** Another message's login succeeds right before the given call, after this one has read that there is no verdict. */
async function restoreWithAcceptedBefore(name: string) {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.during.call = (called) => {
    if (called === name) verifying.versions.set(V2, { ...verifying.versions.get(V2), verdict: "accepted" });
  };
  return { verifying, outcome: await verifying.restore() };
}

test("keeps a credential that another message has seen accepted while this one's verdict was on its way", async () => {
  const { verifying, outcome } = await restoreWithAcceptedBefore("recordVerdict");
  expect(outcome).toBe("already-decided");
  expect(verifying.moves).toEqual([]);
  expect(verifying.verdict()).toBe("accepted");
});

test.each(["claim", "readRotation"])(
  "keeps a credential that another message has seen accepted before the %s of a restore, and gives its claim back",
  async (name) => {
    const { verifying, outcome } = await restoreWithAcceptedBefore(name);
    expect(outcome).toBe("accepted-meanwhile");
    expect(verifying.moves).toEqual([]);
    expect(await verifying.restores.read(SECRET_ARN, V2)).toBeUndefined();
  },
);

class Crash extends Error {}

/** Ends the process right before the call of that number, whose predecessors have all had their effect. */
async function crashBefore(call: number) {
  const verifying = createVerifying([], {
    probe: { login: async (secret) => (secret.reveal() === V2 ? REJECTED : ACCEPTED) },
  });
  verifying.secret.text = (versionId) => versionId;
  Object.assign(verifying.facts, { pendingVersionId: V2 });
  let calls = 0;
  verifying.during.call = () => {
    if (calls++ === call) throw new Crash();
  };
  const outcome = await verifying.restore("message-1").catch((error: unknown) => {
    // What fails beside the login is told as a store out of reach.
    if (!(error instanceof Crash || (error instanceof Error && error.cause instanceof Crash))) throw error;
    return "crashed";
  });
  const names: string[] = [];
  verifying.during.call = (name) => names.push(name);
  return { verifying, calls, outcome, names };
}

const restored = ({ events }: Awaited<ReturnType<typeof crashBefore>>["verifying"]) =>
  events.filter(({ type }) => type === "CredentialRestored");

test("after a crash anywhere, the same message that comes again finishes what was begun, and tells of it", async () => {
  const { calls: all, outcome } = await crashBefore(Number.POSITIVE_INFINITY);
  expect(outcome).toBe("restored");
  for (let call = 0; call < all; call += 1) {
    const { verifying } = await crashBefore(call);
    verifying.clock.now += 300_000;
    await verifying.restore("message-1");
    expect(verifying.facts.currentVersionId, `crashed before call ${call}`).toBe(V1);
    expect(verifying.moves, `crashed before call ${call}`).toEqual([V1]);
    expect(restored(verifying).length, `crashed before call ${call}`).toBeGreaterThan(0);
    expect(verifying.facts.pendingVersionId, `crashed before call ${call}`).toBeUndefined();
    // It has been told of: nothing is left to do for whoever comes later.
    const told = restored(verifying).length;
    expect(await verifying.restore("message-2")).toBe("superseded");
    expect(restored(verifying)).toHaveLength(told);
  }
});

test("after a crash anywhere, another message takes over as soon as the first can live no more, and not before", async () => {
  const { calls: all } = await crashBefore(Number.POSITIVE_INFINITY);
  for (let call = 0; call < all; call += 1) {
    const { verifying, names } = await crashBefore(call);
    const moved = verifying.moves.length;
    const claimed = await verifying.restores.read(SECRET_ARN, V2);
    await verifying.restore("message-2");
    if (claimed && !claimed.restoredAt) {
      expect(names, `crashed before call ${call}`).not.toContain("move");
      expect(verifying.moves, `crashed before call ${call}`).toHaveLength(moved);
      expect(restored(verifying).length).toBeLessThanOrEqual(1);
    }
    verifying.clock.now += RESTORE_LEASE_MS + 1;
    await verifying.restore("message-3");
    expect(verifying.facts.currentVersionId, `crashed before call ${call}`).toBe(V1);
    expect(verifying.moves, `crashed before call ${call}`).toEqual([V1]);
    expect(restored(verifying).length, `crashed before call ${call}`).toBeGreaterThan(0);
  }
});

test("after a crash anywhere and a rotation since, the message that comes again leaves that alone", async () => {
  const { calls: all } = await crashBefore(Number.POSITIVE_INFINITY);
  for (let call = 0; call < all; call += 1) {
    const { verifying } = await crashBefore(call);
    const moved = verifying.moves.length;
    const { currentVersionId: previousVersionId = "" } = verifying.facts;
    verifying.clock.now += 300_000;
    const lastChangedAt = new Date(verifying.clock.now);
    Object.assign(verifying.facts, { currentVersionId: V3, previousVersionId, lastChangedAt });
    await verifying.restore("message-1");
    expect(verifying.facts.currentVersionId, `crashed before call ${call}`).toBe(V3);
    expect(restored(verifying).length > 0, `crashed before call ${call}`).toBe(moved > 0);
  }
});

test("an answer to the move that was lost, so that the SDK asked twice, is no other's move", async () => {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  verifying.during.call = (name) => {
    if (name !== "move") return;
    const lastChangedAt = new Date(verifying.clock.now);
    Object.assign(verifying.facts, { currentVersionId: V1, previousVersionId: V2, lastChangedAt });
  };
  expect(await verifying.restore()).toBe("restored");
  expect(restored(verifying)).toHaveLength(1);
});

/** Rotates to V3 right before the given call; returns the number of calls in all. */
async function restoreWithRotationBefore(call: number) {
  const verifying = createVerifying([...refusedFor(5), ACCEPTED]);
  let calls = 0;
  verifying.during.call = () => {
    if (calls === call) {
      const { currentVersionId } = verifying.facts;
      Object.assign(verifying.facts, {
        currentVersionId: V3,
        ...(currentVersionId && { previousVersionId: currentVersionId }),
      });
    }
    calls += 1;
  };
  await verifying.restore();
  return { calls, verifying };
}

test("never takes AWSCURRENT from a newer version, whenever that becomes current", async () => {
  const { calls: all } = await restoreWithRotationBefore(Number.POSITIVE_INFINITY);
  expect(all).toBeGreaterThan(10);
  for (let call = 0; call < all; call += 1) {
    const { verifying } = await restoreWithRotationBefore(call);
    expect(verifying.facts.currentVersionId, `rotated before call ${call}`).toBe(V3);
  }
});
