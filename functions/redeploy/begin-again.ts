import type { ServiceUsingSecret } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import { isWithheldForNow } from "../../shared/aws/ledger/decision-rows.ts";
import type { Ledger, RotationKey, RotationRecord } from "../../shared/aws/ledger.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { describeRotation } from "./carry-out.ts";
import { findOthers } from "./other-secrets.ts";

export interface BeginAgainPorts {
  readonly ledger: Pick<Ledger, "findNewest" | "listDecisions">;
  readonly bus: EventBus;
  readonly now: () => Date;
}

/** So many rows of the ledger are asked for at a time. */
const AT_A_TIME = 20;

/**
 * Has other secrets looked at again for which one of these services was not deployed: this one may have stood against it.
 * The checks that begin so tell nobody in their turn; two secrets that were withheld for a third would begin each other for ever.
 *
 * @returns a function of the rotation whose credential is good, and of all services that use it; it gives false where the
 * time was up before everybody was told
 */
export function createBeginAgain({ ledger, bus, now }: BeginAgainPorts) {
  return async (
    rotation: RotationKey,
    services: readonly Pick<ServiceUsingSecret, "serviceArn" | "secretIds">[],
    { source: detectedBy }: RotationEvent,
    claimant: string,
    hasTime: () => boolean,
  ): Promise<boolean> => {
    const remembering = rememberNewest(ledger);
    const isAbout = new Set(services.map(({ serviceArn }) => serviceArn));
    const others = new Map<string, RotationRecord>();
    const look = async (service: (typeof services)[number]) => {
      for (const other of await findOthers(rotation, service, remembering))
        others.set(other.secretArn, other);
    };
    const tell = async (other: RotationRecord) => {
      const decisions = await ledger.listDecisions(other);
      if (!decisions.some((one) => isAbout.has(one.serviceArn) && isWithheldForNow(one))) return;
      const base = { ...describeRotation(other, now()), detectedBy, toldAt: other.currentSince, claimant };
      await bus.publish({
        type: "RedeployDeferred",
        detail: { ...base, deferred: 0, round: 1, othersTold: true },
      });
    };
    return (await inBatches(services, look, hasTime)) && inBatches([...others.values()], tell, hasTime);
  };
}

/** @returns false where the time was up before the last one */
async function inBatches<T>(
  all: readonly T[],
  see: (one: T) => Promise<void>,
  hasTime: () => boolean,
): Promise<boolean> {
  for (let first = 0; first < all.length; first += AT_A_TIME) {
    if (!hasTime()) return false;
    await Promise.all(all.slice(first, first + AT_A_TIME).map(see));
  }
  return true;
}

/** Asks once for each id: a hundred services may use the same secrets. */
function rememberNewest(ledger: Pick<Ledger, "findNewest">): Pick<Ledger, "findNewest"> {
  const asked = new Map<string, ReturnType<Ledger["findNewest"]>>();
  return {
    findNewest: (secretId) => {
      const newest = asked.get(secretId) ?? ledger.findNewest(secretId);
      asked.set(secretId, newest);
      return newest;
    },
  };
}
