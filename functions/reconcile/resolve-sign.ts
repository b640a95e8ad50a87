import type { Signs } from "../../shared/aws/event-bus.ts";
import type { Parameters } from "../../shared/aws/parameters.ts";
import type { SecretList } from "../../shared/aws/secret-list.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";

export interface ResolveSignPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly parameters: Pick<Parameters, "describe">;
  readonly list: Pick<SecretList, "managedFor">;
  readonly signs: Signs;
  /** False where prefixes or tags say which secrets are watched: a database without a secret fits none of them. */
  readonly watchesAll: boolean;
  readonly emit: (measurement: { readonly name: "SignDropped"; readonly value: number }) => void;
  readonly now: () => Date;
}

type NotFound = "not-watched" | "no-managed-secret" | "not-changed" | "gone";
export type ResolveSignOutcome = "handed-on" | NotFound;

/** By this age of an event every read shows what it tells of. */
const SETTLED_AFTER_MS = 30_000;
/** RDS resets the password and moves the label one after the other; which event is first is not documented. */
const RESET_TAKES_MS = 15 * 60_000;

interface Found {
  readonly secretArn: string;
  readonly versionId: string;
  readonly lastChangedAt: Date;
}

/**
 * Finds secret and version for a sign that does not name them, and sends both on as an event of Keyturn's own, so that
 * no other handler has to ask RDS or Parameter Store. That a rotation has been told of already is for them to see.
 *
 * @throws DependencyError where reads do not show the change yet; the message is repeated
 */
export function createResolveSign({
  secrets,
  parameters,
  list,
  signs,
  watchesAll,
  emit,
  now,
}: ResolveSignPorts) {
  return async (sign: RotationEvent): Promise<ResolveSignOutcome> => {
    const found = sign.source === "credentials-reset" ? await ofDatabase(sign) : await ofParameter(sign);
    if (typeof found === "string") {
      if (found !== "not-watched") emit({ name: "SignDropped", value: 1 });
      return found;
    }
    await signs.send({
      v: 1,
      secretArn: found.secretArn,
      versionId: found.versionId,
      occurredAt: found.lastChangedAt.toISOString(),
      detectedBy: sign.source === "credentials-reset" ? sign.source : "parameter-changed",
    });
    return "handed-on";
  };

  async function ofDatabase({
    secretArn: databaseArn,
    occurredAt,
  }: RotationEvent): Promise<Found | NotFound> {
    const managed = await list.managedFor(databaseArn);
    if (!managed) return watchesAll ? "no-managed-secret" : "not-watched";
    const hasChanged = (at: Date | undefined) =>
      at !== undefined && at.getTime() > Date.parse(occurredAt) - RESET_TAKES_MS;
    const facts = await secrets.describe(managed, (seen) => hasChanged(seen?.lastChangedAt));
    if (facts?.isWatched === false) return "not-watched";
    const { secretArn = "", currentVersionId: versionId, lastChangedAt } = facts ?? {};
    if (!versionId || !lastChangedAt) return "gone";
    if (hasChanged(lastChangedAt)) return { secretArn, versionId, lastChangedAt };
    // The version of before must not be taken for the new one.
    if (isSettled(occurredAt)) return "not-changed";
    throw notSeenYet(databaseArn);
  }

  async function ofParameter({ secretArn, occurredAt }: RotationEvent): Promise<Found | NotFound> {
    const watched = await secrets.describe(secretArn, () => true);
    if (watched?.isWatched === false) return "not-watched";
    // The event's time is in whole seconds, rounded down.
    const hasChanged = (at: Date | undefined) => at !== undefined && at.getTime() >= Date.parse(occurredAt);
    const facts = await parameters.describe(secretArn, (seen) => hasChanged(seen?.lastChangedAt));
    if (facts && (hasChanged(facts.lastChangedAt) || isSettled(occurredAt))) return { secretArn, ...facts };
    if (isSettled(occurredAt)) return "gone";
    throw notSeenYet(secretArn);
  }

  function isSettled(occurredAt: string): boolean {
    return now().getTime() - Date.parse(occurredAt) > SETTLED_AFTER_MS;
  }
}

function notSeenYet(subject: string): DependencyError {
  return new DependencyError("The change cannot be seen yet; the message is repeated", {
    details: { subject },
  });
}
