/** What the scheduler knows of one task that is not on its way out. */
export interface LiveTask {
  readonly taskId: string;
  /** Of the newest deployment. */
  readonly isPrimary: boolean;
  readonly isReady: boolean;
}

export interface DeploymentFacts {
  readonly desiredCount: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  /** Oldest first. */
  readonly live: readonly LiveTask[];
  /** The newest deployment may start tasks: it has not failed, and is not held back after failures. */
  readonly mayStart: boolean;
}

export interface DeploymentPlan {
  /** Tasks of the newest deployment to start. */
  readonly start: number;
  readonly stop: readonly string[];
}

/**
 * The next step of a rolling update: start the new within `maximumPercent`, stop the old as long as
 * `minimumHealthyPercent` stays healthy.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
 */
export function planDeployment(facts: DeploymentFacts): DeploymentPlan {
  const { desiredCount, live } = facts;
  const most = Math.floor((desiredCount * facts.maximumPercent) / 100);
  const leastHealthy = Math.ceil((desiredCount * facts.minimumHealthyPercent) / 100);
  const primary = live.filter((task) => task.isPrimary);
  const old = live.filter((task) => !task.isPrimary);

  // Too many after a scale-in: those that do not serve yet go first, then the newest.
  const unready = primary.filter((task) => !task.isReady);
  const newestFirst = [...unready, ...primary.filter((task) => task.isReady).reverse()];
  const surplus = newestFirst.slice(0, Math.max(0, primary.length - desiredCount));
  const kept = primary.filter((task) => !surplus.includes(task));

  // An old task that does not serve is missed by nobody; one that serves is stopped when a new one serves.
  const idleOld = facts.mayStart || kept.length >= desiredCount ? old.filter((task) => !task.isReady) : [];
  const servingOld = old.filter((task) => task.isReady);
  const healthy = kept.filter((task) => task.isReady).length + servingOld.length;
  const spare = servingOld.slice(0, Math.max(0, healthy - leastHealthy));

  const stop = [...surplus, ...idleOld, ...spare];
  const room = most - (live.length - stop.length);
  const start = facts.mayStart ? Math.max(0, Math.min(desiredCount - kept.length, room)) : 0;
  return { start, stop: stop.map((task) => task.taskId) };
}
