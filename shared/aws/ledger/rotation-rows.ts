import { DependencyError } from "../../contract/errors.ts";
import { tellsOfMove } from "../../contract/rotation-event.ts";
import type { CurrentRotation } from "../../rotation/current-rotation.ts";
import {
  isRotated,
  type KnownSecret,
  type Ledger,
  type RotationKey,
  type RotationRecord,
  type RotationView,
  type Verdict,
} from "../ledger.ts";
import type { LedgerTable, Row } from "./ledger-table.ts";
import { KEEP_DAYS, KEEP_INSTANCE_DAYS, newestKey, rotationKey, SECRETS } from "./row-keys.ts";

/** Two signs of one move differ by no more than what refines an event's whole second. */
const SAME_MOVE_MS = 1_000;
/** How often reports renew the row of a secret without a rotation, which all its instances share. */
const RENEW_AFTER_MS = 24 * 60 * 60_000;
/** Attributes by source, and by verdict: the first time of each, and the first reason for each verdict. */
const TOLD = "told:";
const TRIED = "tried:";
const WHY = "why:";
const OPEN_VERDICTS = { unverifiable: "unverifiable", unreachable: "unreachable" } as const;
const DECIDES: ReadonlySet<Verdict> = new Set(["accepted", "rejected"]);

/**
 * Rotations. Which one is the newest of a secret stands in a row of its own, and moves forward in time only; that row says
 * what belongs to which rotation, so that a rotation's own row is begun once and never emptied for another.
 */
export function createRotationRows(table: LedgerTable, now: () => Date) {
  const readNewest = async (secretArn: string): Promise<RotationKey | undefined> => {
    const row = await table.get(newestKey(secretArn));
    const secret = row && toKnownSecret(row);
    return secret && isRotated(secret) ? toKey(secret) : undefined;
  };

  /** @returns the newest rotation, which is `rotation` now unless it was told of before, or a newer one was */
  const advance = async (rotation: CurrentRotation): Promise<RotationKey> => {
    const { secretArn, versionId } = rotation;
    const known = await readNewest(secretArn);
    if (known && !isNewer(rotation, known)) return known;
    const set = { secretArn, versionId, currentSince: rotation.currentSince.toISOString() };
    const isUnchanged = "#versionId = :knownVersion AND #currentSince = :knownSince";
    const row = await table.update(newestKey(secretArn), {
      set,
      remove: ["goneSince", "reportedAt"],
      keepDays: KEEP_DAYS,
      condition: known ? isUnchanged : "attribute_not_exists(#currentSince)",
      values: known ? { knownVersion: known.versionId, knownSince: known.currentSince } : {},
    });
    // Somebody else was faster: what it wrote decides.
    return row ? toKey(row) : advance(rotation);
  };

  return {
    async openRotation(rotation) {
      const newest = await advance(rotation);
      const { secretArn, versionId, detectedBy } = rotation;
      if (newest.versionId !== versionId) {
        const late = { secretArn, versionId, currentSince: rotation.currentSince.toISOString() };
        const row = (await table.get(rotationKey(late))) ?? { ...late, detectedBy };
        return { ...toRotation(row), supersededBy: newest.versionId };
      }
      const row = await table.update(rotationKey(newest), {
        keep: { ...newest, detectedBy, [`${TOLD}${detectedBy}`]: now().toISOString() },
        keepDays: KEEP_DAYS,
      });
      if (!row)
        throw new DependencyError("The ledger lost the row of a rotation", { details: { ...newest } });
      return toRotation(row);
    },

    async readRotation(rotation) {
      const row = await table.get(rotationKey(rotation));
      return row && toRotationView(row);
    },

    async readCurrentSince(secretArn, versionId) {
      const newest = await readNewest(secretArn);
      return newest?.versionId === versionId ? newest.currentSince : undefined;
    },

    async recordNotice(rotation, noticedAt) {
      await table.update(rotationKey(rotation), {
        set: { noticedAt: noticedAt.toISOString() },
        keepDays: KEEP_DAYS,
        condition: "attribute_exists(#currentSince) AND attribute_not_exists(#noticedAt)",
      });
    },

    async recordVerdict(rotation, verdict, decidedAt, reason) {
      const at = decidedAt.toISOString();
      const replaced = DECIDES.has(verdict) ? { ...OPEN_VERDICTS, rejected: "rejected" } : OPEN_VERDICTS;
      const isReplaced = Object.keys(replaced).map((value) => `#verdict = :${value}`);
      const row = await table.update(rotationKey(rotation), {
        set: { verdict, decidedAt: at, ...(reason && { reason }) },
        keep: { [`${TRIED}${verdict}`]: at, ...(reason && { [`${WHY}${verdict}`]: reason }) },
        remove: reason ? [] : ["reason"],
        keepDays: KEEP_DAYS,
        condition: `attribute_exists(#currentSince) AND (attribute_not_exists(#verdict) OR ${isReplaced.join(" OR ")})`,
        values: replaced,
      });
      return row !== undefined;
    },

    async recordCheck(rotation, checkedAt, { adopted, stale, deferred = 0, unmanaged = 0 }) {
      await table.update(rotationKey(rotation), {
        set: {
          checkedAt: checkedAt.toISOString(),
          adoptedAtCheck: String(adopted),
          staleAtCheck: String(stale),
          deferredAtCheck: String(deferred),
          unmanagedAtCheck: String(unmanaged),
        },
        keepDays: KEEP_DAYS,
        condition:
          "attribute_exists(#currentSince) AND (attribute_not_exists(#checkedAt) OR #checkedAt <= :checkedAt)",
      });
    },

    async recordSecret(secretArn) {
      const key = newestKey(secretArn);
      const row = await table.get(key);
      // Of the many that start at once, all but the first only read; and a rotation keeps the row for longer.
      const since = new Date(now().getTime() - RENEW_AFTER_MS).toISOString();
      if (row?.currentSince || (row?.reportedAt ?? "") > since) return;
      await table.update(key, {
        set: { secretArn, reportedAt: now().toISOString() },
        keepDays: KEEP_INSTANCE_DAYS,
        condition: "attribute_not_exists(#currentSince)",
      });
    },

    async recordPresence(secretArn, goneSince) {
      await table.update(newestKey(secretArn), {
        ...(goneSince ? { set: { goneSince: goneSince.toISOString() } } : { remove: ["goneSince"] }),
        keepDays: KEEP_DAYS,
        condition: "attribute_exists(#secretArn)",
      });
    },

    async *listSecrets() {
      for await (const row of table.query(SECRETS)) yield toKnownSecret(row);
    },
  } satisfies Partial<Ledger>;
}

/**
 * Whether a sign begins a rotation. One of the version that is the newest already is of the same move, unless it tells of a
 * move at that move's own time; CloudTrail's RotationSucceeded, for one, comes when it likes.
 */
function isNewer({ versionId, currentSince, detectedBy }: CurrentRotation, known: RotationKey): boolean {
  const laterMs = currentSince.getTime() - Date.parse(known.currentSince);
  return versionId === known.versionId ? tellsOfMove(detectedBy) && laterMs > SAME_MOVE_MS : laterMs > 0;
}

function toKey({ secretArn = "", versionId = "", currentSince = "" }: Row | RotationKey): RotationKey {
  return { secretArn, versionId, currentSince };
}

export function toKnownSecret({ secretArn = "", versionId, currentSince, goneSince }: Row): KnownSecret {
  return {
    secretArn,
    ...(versionId && { versionId }),
    ...(currentSince && { currentSince }),
    ...(goneSince && { goneSince }),
  };
}

function toRotation(row: Row): RotationRecord {
  const { detectedBy = "", noticedAt, verdict } = row;
  return {
    ...toKey(row),
    detectedBy,
    ...(noticedAt && { noticedAt }),
    ...(isVerdict(verdict) && { verdict }),
  };
}

/** A rotation's row with everything in it. */
export function toRotationView(row: Row): RotationView {
  const { decidedAt, reason, adoptedFirstAt, adoptedLastAt } = row;
  const { checkedAt, adoptedAtCheck, staleAtCheck, deferredAtCheck, unmanagedAtCheck } = row;
  return {
    ...toRotation(row),
    sources: byTime(row, TOLD).map(([source, toldAt]) => ({ source, toldAt })),
    verdicts: byTime(row, TRIED).flatMap(([verdict, at]) => {
      const why = row[`${WHY}${verdict}`];
      return isVerdict(verdict) ? [{ verdict, decidedAt: at, ...(why && { reason: why }) }] : [];
    }),
    ...(decidedAt && { decidedAt }),
    ...(reason && { reason }),
    ...(adoptedFirstAt && { adoptedFirstAt }),
    ...(adoptedLastAt && { adoptedLastAt }),
    ...(checkedAt && { checkedAt }),
    ...(adoptedAtCheck && { adoptedAtCheck: Number(adoptedAtCheck) }),
    ...(staleAtCheck && { staleAtCheck: Number(staleAtCheck) }),
    ...(deferredAtCheck && { deferredAtCheck: Number(deferredAtCheck) }),
    ...(unmanagedAtCheck && { unmanagedAtCheck: Number(unmanagedAtCheck) }),
  };
}

/** What stands under names that begin with the prefix, each with its time, the earliest first. */
function byTime(row: Row, prefix: string): [name: string, at: string][] {
  return Object.entries(row)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, at]): [string, string] => [name.slice(prefix.length), at])
    .toSorted(([, one], [, other]) => one.localeCompare(other));
}

function isVerdict(text: string | undefined): text is Verdict {
  return text === "accepted" || text === "rejected" || text === "unverifiable" || text === "unreachable";
}
