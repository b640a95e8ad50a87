import { DependencyError } from "../../contract/errors.ts";

/** A search was given up for now. What it has found is remembered: asked again, it goes on from there. */
export class SearchUnfinishedError extends DependencyError {}

/** The time that a part of one search may take. */
export interface SearchBudget {
  /**
   * When the part was begun, epoch milliseconds. It may have been given up since, and gone on with: what was looked up from
   * then on is good enough for it, however long the whole takes.
   */
  readonly begunAt: number;
  /** To be called before each call to ECS. @throws SearchUnfinishedError where the time is over */
  check(): void;
}

/** One search, of which the time is running. */
export interface Search {
  /** The part is begun now, unless it was before the search was given up. */
  part(name: string): SearchBudget;
  /** Once it is finished: whoever asks for it again, begins it anew. */
  close(): void;
}

export interface Searches {
  /** @param name of a search that is begun, or gone on with */
  open(name: string): Search;
}

/** What nobody has gone on with for so long is of the past. Far longer than SQS takes to deliver a message again. */
export const LONGEST_KEPT_MS = 3_600_000;

/**
 * @param budgetMs what each search may take at a time
 * @param now epoch milliseconds
 */
export function createSearches(budgetMs: number, now: () => number): Searches {
  const known = new Map<string, { openedAt: number; readonly begunAt: Map<string, number> }>();
  return {
    open(name) {
      const openedAt = now();
      for (const [other, { openedAt: at }] of known) {
        if (openedAt - at > LONGEST_KEPT_MS) known.delete(other);
      }
      const search = known.get(name) ?? { openedAt, begunAt: new Map<string, number>() };
      search.openedAt = openedAt;
      known.set(name, search);
      const check = () => {
        if (now() <= openedAt + budgetMs) return;
        throw new SearchUnfinishedError(
          `Looking through what runs on ECS took longer than ${budgetMs} ms; it goes on when it is asked for again`,
        );
      };
      return {
        part(part) {
          const begunAt = search.begunAt.get(part) ?? now();
          search.begunAt.set(part, begunAt);
          return { begunAt, check };
        },
        close: () => void known.delete(name),
      };
    },
  };
}
