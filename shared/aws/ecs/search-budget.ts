import { DependencyError } from "../../contract/errors.ts";

/** A search was given up for now. What it has found is remembered: asked again, it goes on from there. */
export class SearchUnfinishedError extends DependencyError {}

/** The time that one search may take. */
export interface SearchBudget {
  /** To be called before each call to ECS. @throws SearchUnfinishedError where the time is over */
  check(): void;
}

/** @param now epoch milliseconds */
export function createSearchBudget(budgetMs: number, now: () => number): SearchBudget {
  const deadline = now() + budgetMs;
  return {
    check() {
      if (now() <= deadline) return;
      throw new SearchUnfinishedError(
        `Looking through what runs on ECS took longer than ${budgetMs} ms; it goes on when it is asked for again`,
      );
    },
  };
}
