import type { LedgerTable, Row } from "./ledger/ledger-table.ts";

/** A place among the deployments that may be under way at a time. */
export interface RedeploySlot {
  /** Makes the place what it was before: nothing was deployed in it. */
  giveBack(): Promise<void>;
}

/** One look at the places, for as many services as there are. */
export interface SlotSearch {
  /**
   * Whether {@link take} could succeed, for a service, or for any that holds no place yet. Once no place is left this costs
   * nothing, for however many services.
   */
  mayTake(serviceArn?: string): Promise<boolean>;
  /** @returns undefined where none is left */
  take(serviceArn: string, at: Date): Promise<RedeploySlot | undefined>;
}

/**
 * How many services of a stage may be in deployment at a time, whatever the rotations. A service holds one place from before
 * its deployment is forced until that ends.
 */
export interface RedeploySlots {
  search(now: Date): SlotSearch;
  /**
   * Gives the place of a service back whose deployment has ended.
   *
   * @param claimedAt when that deployment was claimed last: a place that was taken later is of another
   */
  release(serviceArn: string, claimedAt: string): Promise<void>;
}

/** A deployment that takes longer, or whose end nobody tells of, does not keep the others waiting. */
export const LONGEST_HELD_MS = 15 * 60_000;
const SLOTS = "REDEPLOYS";
const KEEP_DAYS = 7;

/** Places in the ledger's table, one row each. @param count how many there are */
export function createRedeploySlots(
  table: Pick<LedgerTable, "update" | "list">,
  count: number,
): RedeploySlots {
  const names = Array.from({ length: count }, (_, index) => `SLOT#${index + 1}`);
  const keyOf = (sk: string) => ({ pk: SLOTS, sk });
  const free = async (sk: string, condition: string, values: Row) => {
    await table.update(keyOf(sk), { remove: ["heldBy", "takenAt"], keepDays: KEEP_DAYS, condition, values });
  };
  const lapsedAt = (at: Date) => new Date(at.getTime() - LONGEST_HELD_MS).toISOString();

  return {
    search(now) {
      let looked: Promise<Map<string, Row>> | undefined;
      /** Places that may be had, as of the look, less those that others turned out to have by now. */
      const look = async () => {
        const rows = new Map((await table.list(SLOTS)).map((row) => [row.sk ?? "", row]));
        return new Map(names.map((sk) => [sk, rows.get(sk) ?? {}]));
      };
      const lapsed = lapsedAt(now);
      const isFree = ({ heldBy, takenAt = "" }: Row) => heldBy === undefined || takenAt <= lapsed;
      /** A service's own place first: two would be one too many. */
      const candidates = async (serviceArn: string | undefined) => {
        looked ??= look();
        const all = [...(await looked)];
        const own = all.filter(([, { heldBy }]) => heldBy !== undefined && heldBy === serviceArn);
        return own.length > 0 ? own : all.filter(([, row]) => isFree(row));
      };

      return {
        mayTake: async (serviceArn) => (await candidates(serviceArn)).length > 0,

        async take(serviceArn, at) {
          const taken = { heldBy: serviceArn, takenAt: at.toISOString() };
          for (const [sk, before] of await candidates(serviceArn)) {
            const row = await table.update(keyOf(sk), {
              set: taken,
              keepDays: KEEP_DAYS,
              condition: "attribute_not_exists(#heldBy) OR #heldBy = :heldBy OR #takenAt <= :lapsed",
              values: { lapsed: lapsedAt(at) },
            });
            // Where somebody else was faster, this search asks no more for it.
            (await looked)?.set(sk, row ? taken : { heldBy: "another", takenAt: taken.takenAt });
            if (!row) continue;
            const giveBack = async () => {
              const isOwn = before.heldBy === serviceArn;
              (await looked)?.set(sk, isOwn ? before : {});
              if (!isOwn) return free(sk, "#heldBy = :heldBy AND #takenAt = :takenAt", taken);
              // A deployment that was forced before is under way in it. Its end frees what was taken before that.
              await table.update(keyOf(sk), {
                set: { takenAt: before.takenAt ?? "" },
                keepDays: KEEP_DAYS,
                condition: "#heldBy = :heldBy AND #takenAt = :retakenAt",
                values: { heldBy: serviceArn, retakenAt: taken.takenAt },
              });
            };
            return { giveBack };
          }
          return undefined;
        },
      };
    },

    async release(serviceArn, claimedAt) {
      for (const { sk = "", heldBy, takenAt = "" } of await table.list(SLOTS)) {
        if (heldBy !== serviceArn || takenAt > claimedAt) continue;
        await free(sk, "#heldBy = :heldBy AND #takenAt <= :claimedAt", { heldBy, claimedAt });
      }
    },
  };
}
