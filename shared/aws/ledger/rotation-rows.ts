import { DependencyError } from "../../contract/errors.ts";
import { tellsOfMove } from "../../contract/rotation-event.ts";
import type { CurrentRotation } from "../../rotation/current-rotation.ts";
import type { Ledger, RotationKey, RotationRecord, RotationView, Verdict } from "../ledger.ts";
import type { LedgerTable, Row } from "./ledger-table.ts";
import { KEEP_DAYS, newestKey, rotationKey, SECRETS } from "./row-keys.ts";

/** Two signs of one move differ by no more than what refines an event's whole second. */
const SAME_MOVE_MS = 1_000;
const TOLD = "told:";

/**
 * Rotations. Which one is the newest of a secret stands in a row of its own, and moves forward in time only; that row says
 * what belongs to which rotation, so that a rotation's own row is begun once and never emptied for another.
 */
export function createRotationRows(table: LedgerTable, now: () => Date) {
  const readNewest = async (secretArn: string): Promise<RotationKey | undefined> => {
    const row = await table.get(newestKey(secretArn));
    return row && toKey(row);
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
      const isOpen = "attribute_not_exists(#verdict) OR #verdict = :unverifiable OR #verdict = :unreachable";
      await table.update(rotationKey(rotation), {
        set: { verdict, decidedAt: decidedAt.toISOString(), ...(reason && { reason }) },
        remove: reason ? [] : ["reason"],
        keepDays: KEEP_DAYS,
        condition: `attribute_exists(#currentSince) AND (${isOpen})`,
        values: { unverifiable: "unverifiable", unreachable: "unreachable" } satisfies Partial<
          Record<Verdict, Verdict>
        >,
      });
    },

    async *listSecrets() {
      for await (const row of table.query(SECRETS)) yield toKey(row);
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

function toKey({ secretArn = "", versionId = "", currentSince = "" }: Row): RotationKey {
  return { secretArn, versionId, currentSince };
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
  const sources = Object.entries(row)
    .filter(([name]) => name.startsWith(TOLD))
    .map(([name, toldAt]) => ({ source: name.slice(TOLD.length), toldAt }))
    .toSorted((a, b) => a.toldAt.localeCompare(b.toldAt));
  return {
    ...toRotation(row),
    sources,
    ...(decidedAt && { decidedAt }),
    ...(reason && { reason }),
    ...(adoptedFirstAt && { adoptedFirstAt }),
    ...(adoptedLastAt && { adoptedLastAt }),
  };
}

function isVerdict(text: string | undefined): text is Verdict {
  return text === "accepted" || text === "rejected" || text === "unverifiable" || text === "unreachable";
}
