import { expect, test } from "vitest";
import { DependencyError } from "../../../shared/contract/errors.ts";
import type { LoginOutcome } from "../../../shared/engines/login-probe.ts";
import { ROTATED_AT, rotationSucceeded, V1, V2 } from "../../fakes/pipeline.ts";
import { ACCEPTED, createVerifying, REJECTED, UNREACHABLE } from "./verify-fixtures.ts";

const outcomes: { outcome: LoginOutcome; event: string }[] = [
  { outcome: ACCEPTED, event: "CredentialVerified" },
  { outcome: REJECTED, event: "CredentialRejected" },
  { outcome: { verdict: "unverifiable", reason: "no host" }, event: "CredentialUnverifiable" },
];

test.each(outcomes)("records $outcome.verdict and tells of it with $event", async ({ outcome, event }) => {
  const verifying = createVerifying([outcome]);
  expect(await verifying.handle()).toBe(outcome.verdict);
  expect(verifying.verdict()).toBe(outcome.verdict);
  expect(verifying.eventTypes()).toEqual([event]);
});

test("logs in once for a rotation that two sources tell of", async () => {
  const verifying = createVerifying([ACCEPTED]);
  await verifying.handle();
  expect(await verifying.verify(rotationSucceeded(), verifying.delivery())).toBe("already-decided");
  expect(verifying.triedAtMs).toEqual([0]);
});

test.each([
  { first: REJECTED, previousVerdict: "rejected" },
  { first: { verdict: "unverifiable", reason: "no host" } as const, previousVerdict: "unverifiable" },
  { first: UNREACHABLE, previousVerdict: "unreachable" },
])(
  "a later message about a $previousVerdict credential has it tried again: accepted, it says so and what was before",
  async ({ first, previousVerdict }) => {
    const verifying = createVerifying([first, ACCEPTED], { propagationAllowanceMs: 0 });
    await verifying.handle(5).catch(() => undefined);
    expect(verifying.verdict()).toBe(previousVerdict);
    expect(await verifying.verify(rotationSucceeded(), verifying.delivery())).toBe("accepted");
    expect(verifying.verdict()).toBe("accepted");
    expect(verifying.events.at(-1)).toMatchObject({
      type: "CredentialVerified",
      detail: { previousVerdict, detectedBy: "rotation-succeeded", toldAt: ROTATED_AT },
    });
  },
);

test("says of a credential that is accepted at once that nothing was before", async () => {
  const verifying = createVerifying([ACCEPTED]);
  await verifying.handle();
  const [verified] = verifying.events;
  expect(Object.keys(verified?.detail ?? {})).not.toContain("previousVerdict");
  expect(Object.keys(verified?.detail ?? {})).not.toContain("toldAt");
});

test("tells once of a credential that is rejected again, by whatever message", async () => {
  const verifying = createVerifying([REJECTED]);
  await verifying.handle();
  expect(await verifying.verify(rotationSucceeded(), verifying.delivery())).toBe("rejected");
  // Every sign of it costs one more failed login, and no series of them: stores lock accounts.
  expect(verifying.triedAtMs).toEqual([0, 1_000, 4_000, 13_000, 30_000, 30_000]);
  expect(verifying.eventTypes()).toEqual(["CredentialRejected"]);
});

test.each([{ verdict: "unverifiable", reason: "no host" } as const, UNREACHABLE])(
  "a rejected credential stays so where it cannot be tried: %o",
  async (later) => {
    const verifying = createVerifying([REJECTED, later], { propagationAllowanceMs: 0 });
    await verifying.handle();
    await verifying.handle(5).catch((error) => expect(error).toBe(UNREACHABLE));
    expect(verifying.verdict()).toBe("rejected");
    expect(verifying.eventTypes()).toEqual(["CredentialRejected"]);
  },
);

test("what another message decided while this one tried counts: told once, and what was before is said", async () => {
  const rejecting = createVerifying([REJECTED]);
  rejecting.during.pause = () =>
    rejecting.versions.set(V2, { ...rejecting.versions.get(V2), verdict: "rejected" });
  await rejecting.handle();
  expect(rejecting.eventTypes()).toEqual([]);
  const accepting = createVerifying([REJECTED, ACCEPTED]);
  accepting.during.pause = () =>
    accepting.versions.set(V2, { ...accepting.versions.get(V2), verdict: "rejected" });
  await accepting.handle();
  expect(accepting.events).toMatchObject([{ detail: { previousVerdict: "rejected" } }]);
  const overtaken = createVerifying([REJECTED]);
  overtaken.during.pause = () =>
    overtaken.versions.set(V2, { ...overtaken.versions.get(V2), verdict: "accepted" });
  expect(await overtaken.handle()).toBe("already-decided");
  expect(overtaken.events).toEqual([]);
});

test("a credential that stays unverifiable is told of once, and its reason is kept up to date", async () => {
  const reasons: (string | undefined)[] = [];
  const { ports } = createVerifying([ACCEPTED]);
  const outcomes = ["no engine", "no host"].map((reason) => ({ verdict: "unverifiable", reason }) as const);
  const verifying = createVerifying(outcomes, {
    ledger: {
      ...ports.ledger,
      recordVerdict: async (rotation, verdict, at, reason) => {
        reasons.push(reason);
        return ports.ledger.recordVerdict(rotation, verdict, at, reason);
      },
    },
  });
  await verifying.handle();
  await verifying.handle();
  expect(reasons).toEqual(["no engine", "no host"]);
  expect(verifying.eventTypes()).toEqual(["CredentialUnverifiable"]);
});

test("calls a secret of bytes unverifiable, and does not try it", async () => {
  const { ports } = createVerifying([ACCEPTED]);
  const verifying = createVerifying([ACCEPTED], {
    secrets: { ...ports.secrets, describe: ports.secrets.describe, read: async () => undefined },
  });
  expect(await verifying.handle()).toBe("unverifiable");
  expect(verifying.triedAtMs).toEqual([]);
});

test("does not try a credential that is no longer current", async () => {
  const verifying = createVerifying([ACCEPTED]);
  expect(await verifying.handle(1, V1)).toBe("superseded");
  expect(verifying.triedAtMs).toEqual([]);
});

test("tries a refused login again until the allowance is over, a few times", async () => {
  const verifying = createVerifying([REJECTED]);
  expect(await verifying.handle()).toBe("rejected");
  expect(verifying.triedAtMs).toEqual([0, 1_000, 4_000, 13_000, 30_000]);
});

test("accepts a credential that is refused at first, and says nothing of that", async () => {
  const verifying = createVerifying([REJECTED, UNREACHABLE, ACCEPTED]);
  expect(await verifying.handle()).toBe("accepted");
  expect(verifying.triedAtMs).toEqual([0, 1_000, 4_000]);
  expect(verifying.eventTypes()).toEqual(["CredentialVerified"]);
});

test("does not try a secret again that cannot be tried", async () => {
  const verifying = createVerifying([{ verdict: "unverifiable", reason: "no host" }]);
  await verifying.handle();
  expect(verifying.triedAtMs).toEqual([0]);
});

test("without an allowance the first login decides", async () => {
  const verifying = createVerifying([REJECTED, ACCEPTED], { propagationAllowanceMs: 0 });
  expect(await verifying.handle()).toBe("rejected");
});

test("gives up a version that is replaced during the allowance, without a verdict", async () => {
  const verifying = createVerifying([REJECTED]);
  verifying.during.pause = () => {
    Object.assign(verifying.facts, {
      currentVersionId: "33333333-3333-4333-8333-333333333333",
      previousVersionId: "22222222-2222-4222-8222-222222222222",
    });
  };
  expect(await verifying.handle()).toBe("superseded");
  expect(verifying.triedAtMs).toEqual([0]);
  expect(verifying.verdict()).toBeUndefined();
  expect(verifying.events).toEqual([]);
});

test("decides nothing while the store cannot be reached, so that SQS asks again", async () => {
  const verifying = createVerifying([UNREACHABLE]);
  await expect(verifying.handle(4)).rejects.toBe(UNREACHABLE);
  expect(verifying.verdict()).toBeUndefined();
  expect(verifying.events).toEqual([]);
});

test("a store that was out of reach at the last try is unreachable, whatever the tries before showed", async () => {
  const verifying = createVerifying([REJECTED, UNREACHABLE]);
  await expect(verifying.handle()).rejects.toBe(UNREACHABLE);
  expect(verifying.verdict()).toBeUndefined();
});

test("after the last delivery the verdict is unreachable, with an event, and the message goes to the dead letters", async () => {
  const verifying = createVerifying([UNREACHABLE]);
  await expect(verifying.handle(5)).rejects.toBe(UNREACHABLE);
  expect(verifying.verdict()).toBe("unreachable");
  expect(verifying.events).toMatchObject([
    { type: "CredentialUnreachable", detail: { code: "ECONNREFUSED", reason: UNREACHABLE.message } },
  ]);
});

test("a secret that the function may not read leaves a verdict too, which says why", async () => {
  const { ports } = createVerifying([ACCEPTED]);
  const denied = Object.assign(new Error("not authorized to perform: kms:Decrypt"), {
    name: "AccessDeniedException",
  });
  const verifying = createVerifying([ACCEPTED], {
    secrets: { ...ports.secrets, read: () => Promise.reject(denied) },
  });
  await expect(verifying.handle(1)).rejects.toThrow(/cannot be read: .*kms:Decrypt/);
  expect(verifying.verdict()).toBeUndefined();
  await expect(verifying.handle(5)).rejects.toBeInstanceOf(DependencyError);
  expect(verifying.verdict()).toBe("unreachable");
  expect(verifying.events).toMatchObject([
    { type: "CredentialUnreachable", detail: { code: "AccessDeniedException" } },
  ]);
});

test("tells of an unreachable store once, also where the queue allows more deliveries than the function knows of", async () => {
  const verifying = createVerifying([UNREACHABLE]);
  await expect(verifying.handle(5)).rejects.toBe(UNREACHABLE);
  await expect(verifying.handle(6)).rejects.toBe(UNREACHABLE);
  expect(verifying.eventTypes()).toEqual(["CredentialUnreachable"]);
});

test("a dead letter that is replayed when the store is back brings the verdict", async () => {
  let isBack = false;
  const verifying = createVerifying([ACCEPTED], {
    probe: { login: () => (isBack ? Promise.resolve(ACCEPTED) : Promise.reject(UNREACHABLE)) },
  });
  await expect(verifying.handle(5)).rejects.toBe(UNREACHABLE);
  isBack = true;
  expect(await verifying.handle(1)).toBe("accepted");
  expect(verifying.eventTypes()).toEqual(["CredentialUnreachable", "CredentialVerified"]);
});

/** DescribeSecret fails from the given question on; the first is before the rotation is opened. */
function withoutDescribe(from: number, answers: (LoginOutcome | DependencyError)[] = [REJECTED]) {
  const { ports } = createVerifying([ACCEPTED]);
  const throttled = Object.assign(new Error("Rate exceeded"), { name: "ThrottlingException" });
  let asked = 0;
  const verifying = createVerifying(answers, {
    secrets: {
      ...ports.secrets,
      describe: (id, isSettled) => {
        asked += 1;
        return asked < from ? ports.secrets.describe(id, isSettled) : Promise.reject(throttled);
      },
    },
  });
  return { verifying, throttled };
}

test("the last delivery leaves a verdict where Secrets Manager stops answering between two tries", async () => {
  const { verifying } = withoutDescribe(2);
  await expect(verifying.handle(5)).rejects.toThrow("Secrets Manager cannot be asked: Rate exceeded");
  expect(verifying.verdict()).toBe("unreachable");
  expect(verifying.events).toMatchObject([
    { type: "CredentialUnreachable", detail: { code: "ThrottlingException" } },
  ]);
});

test("the last delivery leaves a verdict where Secrets Manager never answers, on a rotation that others have opened", async () => {
  const { verifying, throttled } = withoutDescribe(1);
  verifying.versions.set(V2, { currentSince: ROTATED_AT, detectedBy: "label-updated" });
  await expect(verifying.handle(4)).rejects.toBe(throttled);
  expect(verifying.verdict()).toBeUndefined();
  await expect(verifying.handle(5)).rejects.toBe(throttled);
  expect(verifying.verdict()).toBe("unreachable");
  expect(verifying.eventTypes()).toEqual(["CredentialUnreachable"]);
  const accepted = withoutDescribe(1);
  accepted.verifying.versions.set(V2, { currentSince: ROTATED_AT, verdict: "accepted" });
  await expect(accepted.verifying.handle(5)).rejects.toBe(accepted.throttled);
  expect(accepted.verifying.verdict()).toBe("accepted");
  expect(accepted.verifying.events).toEqual([]);
});

test("a rotation that nobody has opened has no verdict where Secrets Manager never answers", async () => {
  const { verifying, throttled } = withoutDescribe(1);
  await expect(verifying.handle(5)).rejects.toBe(throttled);
  expect(verifying.events).toEqual([]);
});
