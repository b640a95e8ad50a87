import { createRestorePrevious } from "../../../functions/verify/restore-previous.ts";
import { createVerify, type VerifyPorts } from "../../../functions/verify/verify.ts";
import type { CurrentLabel } from "../../../shared/aws/current-label.ts";
import type { Database, Databases } from "../../../shared/aws/databases.ts";
import type { RestoreRecord, Restores } from "../../../shared/aws/ledger/restore-rows.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import type { LoginOutcome, LoginProbe } from "../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import type { StorePlace } from "../../../shared/engines/store-probe.ts";
import { createFakePipeline, labelUpdated, NOW, V2 } from "../../fakes/pipeline.ts";

export const ACCEPTED: LoginOutcome = { verdict: "accepted", loginMs: 4 };
export const REJECTED: LoginOutcome = { verdict: "rejected", code: "28P01", reason: "refused" };
export const UNREACHABLE = new DependencyError("The database could not be asked (ECONNREFUSED)", {
  details: { code: "ECONNREFUSED" },
});

export const RESTORE_LEASE_MS = 50_000;

type Answer = LoginOutcome | DependencyError;

/** Verify in a pipeline of fakes whose store gives these answers in turn, the last of them for ever. */
export function createVerifying(answers: readonly Answer[], changes: Partial<VerifyPorts> = {}) {
  const fake = createFakePipeline();
  const clock = { now: NOW.getTime() };
  const triedAtMs: number[] = [];
  const places: StorePlace[] = [];
  const moves: string[] = [];
  /** Versions that AWSPENDING was taken from. */
  const pendingTaken: string[] = [];
  const databases = new Map<string, Database>();
  const restores = createFakeRestores();
  const secret = { text: (_versionId: string) => '{"username":"orders","password":"EXAMPLE"}' };
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
      const lastChangedAt = new Date(clock.now);
      Object.assign(fake.facts, { currentVersionId: to, previousVersionId: from, lastChangedAt });
      moves.push(to);
      return true;
    },
    removePending: async (_, from) => {
      if (fake.facts.pendingVersionId === from) delete fake.facts.pendingVersionId;
      pendingTaken.push(from);
    },
  };
  const given = {
    ...fake.ports,
    secrets: { ...fake.ports.secrets, read: async (_: string, id: string) => new Redacted(secret.text(id)) },
    probe,
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
  const heard = <T extends object>(port: T) => hooked(port, (name) => during.call(name));
  const ports = {
    ...given,
    secrets: heard(given.secrets),
    ledger: heard(given.ledger),
    bus: heard(given.bus),
    probe: heard(given.probe),
  };
  const verify = createVerify(ports);
  const restoring = createVerify({
    ...ports,
    restorePrevious: createRestorePrevious({
      ...ports,
      restores: heard(restores),
      label: heard(label),
      restoreLeaseMs: RESTORE_LEASE_MS,
    }),
  });
  const delivery = (receiveCount = 1, messageId = "message-1") => ({ receiveCount, messageId });
  return {
    ...fake,
    databases,
    during,
    secret,
    restores,
    clock,
    triedAtMs,
    places,
    moves,
    pendingTaken,
    /** Handles the native event of the version. */
    handle: (receiveCount?: number, versionId = V2) =>
      verify(labelUpdated(versionId), delivery(receiveCount)),
    verify,
    delivery,
    /** The same, with `restorePrevious` switched on. */
    restore: (messageId?: string, versionId = V2, receiveCount = 1) =>
      restoring(labelUpdated(versionId), delivery(receiveCount, messageId)),
    verdict: () => fake.versions.get(V2)?.verdict,
  };
}

/** In memory, of one secret. */
function createFakeRestores(): Restores {
  const rows = new Map<string, Partial<RestoreRecord>>();
  return {
    read: async (_, versionId) => {
      const row = rows.get(versionId);
      return row?.claimedBy === undefined ? undefined : (row as RestoreRecord);
    },
    claim: async ({ versionId, currentSince }, restoreTo, claimedBy, now, leaseMs) => {
      const row = rows.get(versionId);
      const isLapsed = Date.parse(row?.claimedAt ?? "") < now.getTime() - leaseMs;
      const isFree = row?.claimedBy === undefined || row.claimedBy === claimedBy || isLapsed;
      if (row?.restoredAt || !isFree) return false;
      rows.set(versionId, { restoreTo, currentSince, claimedBy, claimedAt: now.toISOString() });
      return true;
    },
    finish: async (_, versionId, at) =>
      void rows.set(versionId, { ...rows.get(versionId), restoredAt: at.toISOString() }),
    release: async (_, versionId) => void rows.delete(versionId),
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
