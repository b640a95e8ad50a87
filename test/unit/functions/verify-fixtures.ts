import { createRestorePrevious } from "../../../functions/verify/restore-previous.ts";
import { createVerify, type VerifyPorts } from "../../../functions/verify/verify.ts";
import type { CurrentLabel } from "../../../shared/aws/current-label.ts";
import type { Database, Databases } from "../../../shared/aws/databases.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import type { LoginOutcome, LoginProbe } from "../../../shared/engines/login-probe.ts";
import type { StorePlace } from "../../../shared/engines/store-probe.ts";
import { createFakePipeline, labelUpdated, NOW, V2 } from "../../fakes/pipeline.ts";

export const ACCEPTED: LoginOutcome = { verdict: "accepted", loginMs: 4 };
export const REJECTED: LoginOutcome = { verdict: "rejected", code: "28P01", reason: "refused" };
export const UNREACHABLE = new DependencyError("The database could not be asked (ECONNREFUSED)", {
  details: { code: "ECONNREFUSED" },
});

type Answer = LoginOutcome | DependencyError;

/** Verify in a pipeline of fakes whose store gives these answers in turn, the last of them for ever. */
export function createVerifying(answers: readonly Answer[], changes: Partial<VerifyPorts> = {}) {
  const fake = createFakePipeline();
  const clock = { now: NOW.getTime() };
  const triedAtMs: number[] = [];
  const places: StorePlace[] = [];
  const moves: string[] = [];
  const databases = new Map<string, Database>();
  /** What else happens meanwhile. */
  const during = { pause: () => undefined as unknown, call: (_name: string) => undefined as unknown };

  const probe: LoginProbe = {
    login: async (_, place = {}) => {
      const answer = answers[Math.min(triedAtMs.length, answers.length - 1)];
      triedAtMs.push(clock.now - NOW.getTime());
      places.push(place);
      if (!answer || answer instanceof DependencyError) throw answer;
      return answer;
    },
  };
  const label: CurrentLabel = {
    move: async (_, from, to) => {
      if (fake.facts.currentVersionId !== from) return false;
      Object.assign(fake.facts, { currentVersionId: to, previousVersionId: from });
      moves.push(to);
      return true;
    },
  };
  const heard = <T extends object>(port: T) => hooked(port, (name) => during.call(name));
  const ports = {
    ...fake.ports,
    secrets: heard(fake.ports.secrets),
    ledger: heard(fake.ports.ledger),
    bus: heard(fake.ports.bus),
    probe: heard(probe),
    databases: { find: async (arn) => databases.get(arn) } satisfies Databases,
    taggedHosts: undefined,
    now: () => new Date(clock.now),
    pause: async (ms: number) => {
      clock.now += ms;
      during.pause();
    },
    propagationAllowanceMs: 30_000,
    maxReceiveCount: 5,
    ...changes,
  };
  const verify = createVerify(ports);
  const restoring = createVerify({
    ...ports,
    restorePrevious: createRestorePrevious({
      ...ports,
      ledger: heard(fake.ports.ledger),
      label: heard(label),
    }),
  });
  const delivery = (receiveCount = 1, messageId = "message-1") => ({ receiveCount, messageId });
  return {
    ...fake,
    databases,
    during,
    triedAtMs,
    places,
    moves,
    /** Handles the native event of the version. */
    handle: (receiveCount?: number, versionId = V2) =>
      verify(labelUpdated(versionId), delivery(receiveCount)),
    verify,
    delivery,
    /** The same, with `restorePrevious` switched on. */
    restore: (messageId?: string, versionId = V2) =>
      restoring(labelUpdated(versionId), delivery(1, messageId)),
    verdict: () => fake.versions.get(V2)?.verdict,
  };
}

/** The port, each of whose calls is told of before it is made. */
function hooked<T extends object>(port: T, before: (name: string) => void): T {
  const calls = Object.entries(port).map(([name, call]: [string, (...given: unknown[]) => unknown]) => [
    name,
    (...given: unknown[]) => {
      before(name);
      return call(...given);
    },
  ]);
  return Object.fromEntries(calls) as T;
}
