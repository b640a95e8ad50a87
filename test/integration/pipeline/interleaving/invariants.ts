import type { SecretView } from "../../../../shared/aws/ledger.ts";
import { decisionInvariants } from "./decision-invariants.ts";
import { redeployInvariants } from "./redeploy-invariants.ts";
import { rotationInvariants } from "./rotation-invariants.ts";
import type { SimulatedSecret } from "./simulated-secret.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

/** A secret when all messages are handled, as it is and as the ledger has it. */
export interface EndOfSecret {
  readonly world: SimulatedWorld;
  readonly secret: SimulatedSecret;
  readonly view: SecretView;
}

/** What must hold when all messages are handled, by what it says. Each gives what does not hold, in a sentence each. */
export type Invariants<T> = Readonly<Record<string, (end: T) => string[]>>;

/**
 * Everything that the handlers promise, whatever comes twice, late, out of order, or crashes on the way.
 *
 * @param views of the world's secrets
 * @returns what does not hold
 */
export function findBroken(world: SimulatedWorld, views: readonly SecretView[]): string[] {
  const ends = views.map((view) => ({ world, view, secret: world.secret(view.secretArn) }));
  return [
    ...broken(redeployInvariants, world),
    ...ends.flatMap((end) => [...broken(decisionInvariants, end), ...broken(rotationInvariants, end)]),
  ];
}

function broken<T>(invariants: Invariants<T>, end: T): string[] {
  return Object.entries(invariants).flatMap(([name, holds]) =>
    holds(end).map((problem) => `${name}: ${problem}`),
  );
}

export function repeated(texts: readonly string[]): string[] {
  const twice = new Set(texts.filter((text, index) => texts.indexOf(text) !== index));
  return [...twice].map((text) => `twice: ${text}`);
}

/** The last part of an ARN. */
export const nameOf = (arn: string) => arn.split("/").at(-1) ?? arn;
