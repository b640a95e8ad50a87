/** The value in the middle; NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Two things measured beside each other, round by round. */
export interface Pairs {
  readonly deployed: readonly number[];
  readonly bare: readonly number[];
}

/**
 * Median of the ratios, or differences, of each round: what disturbs the machine for longer than a round disturbs both
 * sides of it.
 */
export function medianOf(
  { deployed, bare }: Pairs,
  compare: (deployed: number, bare: number) => number,
): number {
  return median(deployed.map((value, round) => compare(value, bare[round] ?? Number.NaN)));
}

/** One after the other, the first of them in turn, so that a drift favours neither. The first round warms up and does not count. */
export async function inPairs(
  rounds: number,
  deployed: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<Pairs> {
  const taken = { deployed: [] as number[], bare: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? (["deployed", "bare"] as const) : (["bare", "deployed"] as const);
    for (const which of order) {
      const ms = await (which === "deployed" ? deployed() : bare());
      if (round > 0) taken[which].push(ms);
    }
  }
  return taken;
}
