/** Steps of a rotation, in their order. */
export const STEPS = ["fetch", "verify", "warm-up", "swap", "drain"] as const;
export type Step = (typeof STEPS)[number];

/** Is told of each step, and runs it. */
export interface Steps {
  /** @returns what the work returns, sync or not */
  step<T>(name: Step, work: () => T): T;
}

/** For whoever is not traced. */
export const untraced: Steps = { step: (_name, work) => work() };
