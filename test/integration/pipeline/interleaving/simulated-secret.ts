import type { SecretFacts } from "../../../../shared/aws/secrets.ts";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import type { RotationEvent } from "../../../../shared/contract/rotation-event.ts";
import type { LoginOutcome } from "../../../../shared/engines/login-probe.ts";

/** What the store says to a login with a version's credential. */
export type Truth = "accepted" | "rejected" | "unverifiable";

/** A time at which AWSCURRENT moved. */
export interface Move {
  readonly versionId: string;
  readonly at: Date;
}

/** A version's name in the trace: the secret's, and its number. */
export const shortVersion = (versionId: string) => versionId.replace(/^.*-(.)0*/, "$1");

/** The event's whole second is refined by the secret's last change, where that falls into it. */
export function isSameMove(currentSince: string, at: Date): boolean {
  const earlierMs = at.getTime() - Date.parse(currentSince);
  return earlierMs >= 0 && earlierMs < 1_000;
}

/** Reads do not lag behind for longer. */
const CONSISTENT_AFTER_MS = 20_000;

/** A secret whose label moves, and whose reads may be from before the last move. */
export class SimulatedSecret {
  readonly secretArn: string;
  /** Of its versions' ids, which are like no other secret's. */
  readonly #mark: string;
  readonly moves: Move[];
  readonly truths = new Map<string, Truth>();
  /** What the store has said of each version at any time. */
  readonly said = new Map<string, Set<Truth | "unreachable">>();
  #staleReads = 0;
  #unanswered = 0;

  constructor(secretArn: string, mark: string, createdAt: Date) {
    this.secretArn = secretArn;
    this.#mark = mark;
    this.moves = [{ versionId: this.#addVersion("accepted"), at: createdAt }];
  }

  get current(): Move {
    return this.moves.at(-1) ?? { versionId: "none", at: new Date(0) };
  }

  /** @returns what EventBridge and CloudTrail tell of the move, if they tell of it */
  rotate(to: Truth | "back", at: Date): { native: RotationEvent; cloudTrail?: RotationEvent } {
    const former = this.moves.at(-2);
    const isBack = to === "back" && former !== undefined;
    const versionId = isBack ? former.versionId : this.#addVersion(to === "back" ? "accepted" : to);
    this.moves.push({ versionId, at });
    // EventBridge gives whole seconds.
    const occurredAt = new Date(Math.floor(at.getTime() / 1_000) * 1_000).toISOString();
    const { secretArn } = this;
    const native: RotationEvent = { secretArn, versionId, source: "label-updated", occurredAt };
    return isBack
      ? { native }
      : { native, cloudTrail: { secretArn, source: "rotation-succeeded", occurredAt } };
  }

  /** Moves AWSCURRENT where it is still on a version. @returns what EventBridge tells of it; undefined where it was moved before */
  move(from: string, to: string, at: Date): RotationEvent | undefined {
    if (this.current.versionId !== from) return undefined;
    this.moves.push({ versionId: to, at });
    const occurredAt = new Date(Math.floor(at.getTime() / 1_000) * 1_000).toISOString();
    return { secretArn: this.secretArn, versionId: to, source: "label-updated", occurredAt };
  }

  /** The next reads may be from before the last move, for so long that asking again does not help. */
  delayReads(): void {
    this.#staleReads += 2;
  }

  describe(now: Date): SecretFacts {
    const isFresh = now.getTime() - this.current.at.getTime() > CONSISTENT_AFTER_MS;
    const isStale = this.#staleReads > 0 && this.moves.length > 1 && !isFresh;
    if (isStale) this.#staleReads -= 1;
    const seen = isStale ? this.moves.slice(0, -1) : this.moves;
    const [previous, current] = [seen.at(-2), seen.at(-1) ?? this.current];
    return {
      secretArn: this.secretArn,
      currentVersionId: current.versionId,
      ...(previous && { previousVersionId: previous.versionId }),
      lastChangedAt: current.at,
    };
  }

  /** The store takes the credential of the current version from now on. @returns false where it does already */
  mend(): boolean {
    const { versionId } = this.current;
    if (this.truths.get(versionId) === "accepted") return false;
    this.truths.set(versionId, "accepted");
    return true;
  }

  /** The store does not answer the next logins. */
  interruptStore(logins: number): void {
    this.#unanswered += logins;
  }

  endInterruption(): void {
    this.#unanswered = 0;
  }

  /** A login with a version's credential. @throws DependencyError where the store does not answer */
  login(versionId: string): LoginOutcome {
    const said = this.said.get(versionId) ?? new Set();
    this.said.set(
      versionId,
      said.add(this.#unanswered > 0 ? "unreachable" : (this.truths.get(versionId) ?? "rejected")),
    );
    if (this.#unanswered > 0) {
      this.#unanswered -= 1;
      throw new DependencyError("The store does not answer");
    }
    const truth = this.truths.get(versionId);
    if (truth === "accepted") return { verdict: "accepted", loginMs: 1 };
    return truth === "rejected"
      ? { verdict: "rejected", code: "28P01", reason: "refused" }
      : { verdict: "unverifiable", reason: "no host" };
  }

  #addVersion(truth: Truth): string {
    const versionId = `00000000-0000-4000-8000-${this.#mark}${String(this.truths.size + 1).padStart(11, "0")}`;
    this.truths.set(versionId, truth);
    return versionId;
  }
}
