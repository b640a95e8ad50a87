import { expect, test } from "vitest";
import { createVerify } from "../../../functions/verify/verify.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import type { LoginOutcome } from "../../../shared/engines/login-probe.ts";
import { createFakePipeline, labelUpdated, rotationSucceeded, V1, V2 } from "../../fakes/pipeline.ts";

const outcomes: { outcome: LoginOutcome; event: string }[] = [
  { outcome: { verdict: "accepted", loginMs: 4 }, event: "CredentialVerified" },
  { outcome: { verdict: "rejected", code: "28P01", reason: "refused" }, event: "CredentialRejected" },
  { outcome: { verdict: "unverifiable", reason: "no host" }, event: "CredentialUnverifiable" },
];

test.each(outcomes)("records $outcome.verdict and tells of it with $event", async ({ outcome, event }) => {
  const fake = createFakePipeline();
  const verify = createVerify({ ...fake.ports, probe: { login: async () => outcome } });
  expect(await verify(labelUpdated())).toBe(outcome.verdict);
  expect(fake.versions.get(V2)?.verdict).toBe(outcome.verdict);
  expect(fake.eventTypes()).toEqual([event]);
});

test("logs in once for a rotation that two sources tell of", async () => {
  const fake = createFakePipeline();
  let logins = 0;
  const probe = { login: async () => ({ verdict: "accepted", loginMs: ++logins }) as const };
  const verify = createVerify({ ...fake.ports, probe });
  await verify(labelUpdated());
  expect(await verify(rotationSucceeded())).toBe("already-decided");
  expect(logins).toBe(1);
});

test("decides nothing while the store cannot be reached, so that SQS asks again", async () => {
  const fake = createFakePipeline();
  const probe = {
    login: () => Promise.reject(new DependencyError("The database could not be asked: ECONNREFUSED")),
  };
  await expect(createVerify({ ...fake.ports, probe })(labelUpdated())).rejects.toBeInstanceOf(
    DependencyError,
  );
  expect(fake.versions.get(V2)?.verdict).toBeUndefined();
  expect(fake.events).toEqual([]);
});

test("calls a secret of bytes unverifiable, and does not try it", async () => {
  const fake = createFakePipeline();
  const secrets = { ...fake.ports.secrets, read: async () => undefined };
  const probe = { login: () => Promise.reject(new Error("must not be called")) };
  expect(await createVerify({ ...fake.ports, secrets, probe })(labelUpdated())).toBe("unverifiable");
});

test("does not try a credential that is no longer current", async () => {
  const fake = createFakePipeline();
  const probe = { login: () => Promise.reject(new Error("must not be called")) };
  expect(await createVerify({ ...fake.ports, probe })(labelUpdated(V1))).toBe("superseded");
});
