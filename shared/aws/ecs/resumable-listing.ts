import { LONGEST_KEPT_MS, type SearchBudget } from "./search-budget.ts";

/** How ECS lists something: ids by pages, and what they stand for some at a time. */
export interface ListingSource<Item> {
  readonly list: (
    key: string,
    nextToken: string | undefined,
  ) => Promise<{ readonly ids: readonly string[]; readonly nextToken?: string | undefined }>;
  readonly describe: (key: string, ids: readonly string[]) => Promise<readonly Item[]>;
  /** As many ids as one call takes. */
  readonly describedAtOnce: number;
}

/**
 * @param key such as a cluster
 * @param since the listing must have begun after it
 * @throws SearchUnfinishedError where the budget is used up; the next call goes on from there
 */
export type ResumableListing<Item> = (
  key: string,
  since: Date,
  budget: SearchBudget,
) => Promise<readonly Item[]>;

interface Listed<Item> {
  readonly startedAt: number;
  readonly items: readonly Item[];
  readonly completedAt: number;
}

interface UnderWay<Item> {
  readonly startedAt: number;
  steppedAt: number;
  readonly items: Item[];
  readonly ids: string[];
  nextToken: string | undefined;
  hasEveryId: boolean;
}

interface Progress<Item> {
  listed?: Listed<Item> | undefined;
  underWay?: UnderWay<Item> | undefined;
  step?: Promise<void> | undefined;
}

/**
 * Lists in steps of one call each, and remembers after each of them. Who asks at the same time shares the steps. A listing
 * that has begun is completed before another one begins, so that rotations which come faster than a large account can be
 * listed do not keep it at its beginning. What was listed stays good for every rotation before it, for an hour: that bounds what
 * an environment remembers of things that are gone. A search that goes on keeps what was good when it was begun.
 */
export function createResumableListing<Item>(
  { list, describe, describedAtOnce }: ListingSource<Item>,
  now: () => number,
): ResumableListing<Item> {
  const known = new Map<string, Progress<Item>>();

  const takeStep = async (key: string, progress: Progress<Item>): Promise<void> => {
    // What nobody has gone on with for long is of the past.
    const isStale = progress.underWay && now() - progress.underWay.steppedAt > LONGEST_KEPT_MS;
    if (isStale || !progress.underWay) {
      const startedAt = now();
      const nothing = { items: [], ids: [], nextToken: undefined, hasEveryId: false };
      progress.underWay = { startedAt, steppedAt: startedAt, ...nothing };
    }
    const { underWay } = progress;
    underWay.steppedAt = now();
    if (!underWay.hasEveryId) {
      const page = await list(key, underWay.nextToken).catch((error: unknown) => {
        // A page's token does not last for ever.
        if (isInvalid(error)) progress.underWay = undefined;
        throw error;
      });
      underWay.ids.push(...page.ids);
      underWay.nextToken = page.nextToken;
      underWay.hasEveryId = page.nextToken === undefined;
    } else if (underWay.ids.length > 0) {
      underWay.items.push(...(await describe(key, underWay.ids.slice(0, describedAtOnce))));
      underWay.ids.splice(0, describedAtOnce);
    }
    if (!underWay.hasEveryId || underWay.ids.length > 0) return;
    progress.listed = { startedAt: underWay.startedAt, items: underWay.items, completedAt: now() };
    progress.underWay = undefined;
  };

  return async (key, since, budget) => {
    const keptSince = budget.begunAt - LONGEST_KEPT_MS;
    for (const [other, { listed, underWay }] of known) {
      if (listed && !underWay && listed.completedAt < keptSince) known.delete(other);
    }
    const progress = known.get(key) ?? {};
    known.set(key, progress);
    for (;;) {
      const { listed } = progress;
      // What began when it was asked for is as new as can be, also where the clocks differ.
      const isNewEnough =
        listed && (listed.startedAt > since.getTime() || listed.startedAt >= budget.begunAt);
      if (isNewEnough && listed.completedAt > keptSince) return listed.items;
      budget.check();
      progress.step ??= takeStep(key, progress).finally(() => {
        progress.step = undefined;
      });
      await progress.step;
    }
  };
}

const isInvalid = (error: unknown) => error instanceof Error && error.name === "InvalidParameterException";
