import type { ActResult } from "./act.ts";
import { LEGACY_API, ORDERS_API, ORDERS_COPIES } from "./services.ts";

/** Something that the demo says of Keyturn, held against what was counted. */
export interface Claim {
  readonly act: string;
  readonly claim: string;
  readonly holds: boolean;
}

const MAX_ADOPTION_MS = 500;
/** Short enough to watch; 60 in production. */
export const DEADLINE_SECONDS = 5;

/** Of a rotation to a good credential. */
export function claimsOfAdoption(act: ActResult): Claim[] {
  const swapped = act.instances.filter(({ outcome }) => outcome === "swapped");
  return [
    ...noFailedQueries(act),
    claim(act, `all ${ORDERS_COPIES} copies of ${ORDERS_API} swapped`, swapped.length === ORDERS_COPIES),
    claim(
      act,
      `each within ${MAX_ADOPTION_MS} ms`,
      act.adoptionMs !== null && act.adoptionMs.max < MAX_ADOPTION_MS,
    ),
    claim(act, "the verdict is accepted", act.verdict === "accepted"),
    claim(act, `${LEGACY_API} alone was redeployed`, act.redeployed.join() === LEGACY_API),
    claim(act, "past the adoption deadline", (act.redeployedAtMs ?? 0) >= DEADLINE_SECONDS * 1_000),
    claim(act, "adoption is complete: no task runs on another version", act.staleTasks === 0),
    claim(
      act,
      `${LEGACY_API} answers without a failed query from then on`,
      act.failedQueriesAfter[LEGACY_API] === 0,
    ),
  ];
}

/** Of a rotation to a credential that the database does not accept. */
export function claimsOfContainment(act: ActResult): Claim[] {
  const rejected = act.instances.filter(({ outcome }) => outcome === "rejected");
  return [
    ...noFailedQueries(act),
    claim(act, `${LEGACY_API} served on without a failed query`, act.failedQueries[LEGACY_API] === 0),
    claim(act, "the verdict is rejected", act.verdict === "rejected"),
    claim(
      act,
      `all ${ORDERS_COPIES} copies of ${ORDERS_API} kept the old credential`,
      rejected.length === ORDERS_COPIES,
    ),
    claim(act, "nothing was redeployed", act.redeployed.length === 0),
    claim(
      act,
      "the alarm went off",
      act.alarms.some((name) => name.endsWith("credential-rejected")),
    ),
  ];
}

function noFailedQueries(act: ActResult): Claim[] {
  return [
    claim(act, `${ORDERS_API} answered queries all along`, (act.queries[ORDERS_API] ?? 0) > 0),
    claim(act, `failed queries of ${ORDERS_API}: 0`, act.failedQueries[ORDERS_API] === 0),
  ];
}

export function claim(act: Pick<ActResult, "name">, text: string, holds: boolean): Claim {
  return { act: act.name, claim: text, holds };
}
