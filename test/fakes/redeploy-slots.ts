import { LONGEST_HELD_MS, type RedeploySlots } from "../../shared/aws/redeploy-slots.ts";

interface Holder {
  readonly serviceArn: string;
  readonly takenAt: Date;
}

/** Places for deployments in memory. */
export function createFakeSlots(count: number) {
  const holders = new Array<Holder | undefined>(count).fill(undefined);
  const find = (serviceArn: string | undefined, at: Date): number => {
    const own = holders.findIndex((holder) => holder && holder.serviceArn === serviceArn);
    const isFree = (holder: Holder | undefined) =>
      !holder || holder.takenAt.getTime() <= at.getTime() - LONGEST_HELD_MS;
    return own >= 0 ? own : holders.findIndex(isFree);
  };
  const slots: RedeploySlots = {
    search: (now) => {
      return {
        mayTake: async (serviceArn) => find(serviceArn, now) >= 0,
        take: async (serviceArn, takenAt) => {
          const place = find(serviceArn, takenAt);
          if (place < 0) return undefined;
          const before = holders[place];
          holders[place] = { serviceArn, takenAt };
          const giveBack = async () => {
            holders[place] = before?.serviceArn === serviceArn ? before : undefined;
          };
          return { giveBack };
        },
      };
    },
    release: async (serviceArn, claimedAt) => {
      const place = holders.findIndex((holder) => holder?.serviceArn === serviceArn);
      const takenAt = holders[place]?.takenAt;
      if (takenAt && takenAt.toISOString() <= claimedAt) holders[place] = undefined;
    },
  };
  return { slots, heldBy: () => holders.flatMap((holder) => holder?.serviceArn ?? []) };
}
