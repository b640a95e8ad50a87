import { LONGEST_KEPT_MS, type SearchBudget } from "./search-budget.ts";

/** How ECS describes things whose ids are known. */
export interface LookSource<Item> {
  /** @returns those that are there */
  readonly describe: (cluster: string, ids: readonly string[]) => Promise<readonly Item[]>;
  readonly idOf: (item: Item) => string;
  /** As many ids as one call takes. */
  readonly describedAtOnce: number;
}

/**
 * @returns those that are there, as they were when the search's part had begun, or later
 * @throws SearchUnfinishedError where the budget is used up; the next call goes on from there
 */
export type SharedLooks<Item> = (
  cluster: string,
  ids: readonly string[],
  budget: SearchBudget,
) => Promise<readonly Item[]>;

interface Look<Item> {
  readonly at: number;
  /** Undefined for what is gone. */
  readonly item: Item | undefined;
}

interface LooksOfCluster<Item> {
  readonly looks: Map<string, Look<Item>>;
  step?: Promise<void> | undefined;
}

/**
 * Looks how things are now, in steps of one call each, and remembers after each of them, so that a look at very many goes on
 * where it stopped. Searches for several secrets at the same time share the looks at what uses them all.
 */
export function createSharedLooks<Item>(
  { describe, idOf, describedAtOnce }: LookSource<Item>,
  now: () => number,
): SharedLooks<Item> {
  const known = new Map<string, LooksOfCluster<Item>>();

  const look = async (cluster: string, { looks }: LooksOfCluster<Item>, ids: readonly string[]) => {
    const at = now();
    const items = new Map((await describe(cluster, ids)).map((item) => [idOf(item), item]));
    for (const id of ids) looks.set(id, { at, item: items.get(id) });
  };

  return async (cluster, ids, budget) => {
    const own = known.get(cluster) ?? { looks: new Map<string, Look<Item>>() };
    known.set(cluster, own);
    for (const [id, { at }] of own.looks) {
      if (at < Math.min(budget.begunAt, now() - LONGEST_KEPT_MS)) own.looks.delete(id);
    }
    const isMissing = (id: string) => (own.looks.get(id)?.at ?? Number.NEGATIVE_INFINITY) < budget.begunAt;
    for (let missing = ids.filter(isMissing); missing.length > 0; missing = missing.filter(isMissing)) {
      budget.check();
      own.step ??= look(cluster, own, missing.slice(0, describedAtOnce)).finally(() => {
        own.step = undefined;
      });
      await own.step;
    }
    return ids.flatMap((id) => {
      const item = own.looks.get(id)?.item;
      return item === undefined ? [] : [item];
    });
  };
}
