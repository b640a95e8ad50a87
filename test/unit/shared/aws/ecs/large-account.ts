import { createEcsServices, SearchUnfinishedError } from "../../../../../shared/aws/ecs-services.ts";
import { createEcsClientOf } from "./ecs-client.ts";

const PLACE = "arn:aws:ecs:us-east-1:000000000000";
/** The function's time for a search, and the pause of the queue that brings an unfinished one back. */
const SEARCH_BUDGET_MS = 36_000;
const PAUSE_MS = 30_000;
const SECRETS = Array.from({ length: 5 }, (_, index) => ({
  name: `DB_${index}`,
  value: `vault:kv/db-${index}`,
}));

export interface LargeAccount {
  readonly services: number;
  readonly tasks: number;
  /** Services that use each of the secrets, each with a task definition of its own. */
  readonly users: number;
}

/** Time that passes only when everybody waits for it. */
function createVirtualClock(startsAt: number) {
  let nowMs = startsAt;
  const waiting: { readonly until: number; readonly resolve: () => void }[] = [];
  const goOn = (): void => {
    const next = waiting.toSorted((one, other) => one.until - other.until)[0];
    if (!next) return;
    waiting.splice(waiting.indexOf(next), 1);
    nowMs = Math.max(nowMs, next.until);
    next.resolve();
  };
  return {
    now: () => nowMs,
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        waiting.push({ until: nowMs + ms, resolve });
        // After whatever can be done at this moment.
        setImmediate(goOn);
      }),
  };
}

/** One cluster whose time passes by nothing but ECS's rates and answers, as one environment of the function gets them. */
export function createLargeAccount({ services, tasks, users }: LargeAccount) {
  const clock = createVirtualClock(Date.parse("2026-11-20T10:00:00Z"));
  const page = (count: number, start: number, arnOf: (index: number) => string) => ({
    arns: Array.from({ length: Math.min(100, count - start) }, (_, index) => arnOf(start + index)),
    ...(start + 100 < count && { nextToken: String(start + 100) }),
  });
  const taskArn = (index: number) => `${PLACE}:task/main/${index.toString(16).padStart(32, "0")}`;
  const numberOf = (arn: string, radix = 10) => Number.parseInt(arn.slice(arn.lastIndexOf("/") + 1), radix);
  const { client, calls, countOf } = createEcsClientOf(
    {
      ListServices: ({ nextToken = "0" }: { nextToken?: string }) => {
        const { arns, ...rest } = page(
          services,
          Number(nextToken),
          (index) => `${PLACE}:service/main/${index}`,
        );
        return { serviceArns: arns, ...rest };
      },
      DescribeServices: (query: { services: string[] }) => ({
        services: query.services.map((name) => ({
          serviceArn: `${PLACE}:service/main/${numberOf(name)}`,
          clusterArn: `${PLACE}:cluster/main`,
          status: "ACTIVE",
          taskDefinition: `definition/${numberOf(name)}`,
        })),
      }),
      DescribeTaskDefinition: ({ taskDefinition }: { taskDefinition: string }) => ({
        taskDefinition: {
          containerDefinitions: [{ environment: numberOf(taskDefinition) < users ? SECRETS : [] }],
        },
      }),
      ListTasks: ({ nextToken = "0", serviceName }: { nextToken?: string; serviceName?: string }) => {
        const own = tasks / services;
        const { arns, ...rest } =
          serviceName === undefined
            ? page(tasks, Number(nextToken), taskArn)
            : page(own, Number(nextToken), (index) => taskArn(Number(serviceName) * own + index));
        return { taskArns: arns, ...rest };
      },
      DescribeTasks: (query: { tasks: string[] }) => ({
        tasks: query.tasks.map((arn) => ({
          taskArn: arn,
          createdAt: new Date(0),
          group: `service:${Math.floor(numberOf(arn, 16) / (tasks / services))}`,
        })),
      }),
    },
    () => clock.wait(20),
  );
  const ecs = createEcsServices(
    { reads: client, writes: createEcsClientOf({}).client },
    { clusters: ["main"], now: clock.now, limiterClock: clock, searchBudgetMs: SEARCH_BUDGET_MS },
  );

  return {
    calls,
    countOf,
    /** Asks again, after a pause, until the search is finished. @returns how often it was asked, and what it found */
    search: async (mostRounds: number, secretArn = "vault:kv/db-0") => {
      const query = { secretArn, since: new Date(clock.now() - 60_000), reported: [] };
      for (let rounds = 1; rounds <= mostRounds; rounds += 1) {
        const users = await ecs.findUsing(query).catch((error: unknown) => {
          if (error instanceof SearchUnfinishedError) return undefined;
          throw error;
        });
        if (users) {
          const tasks = users.services.reduce((sum, service) => sum + service.tasks.length, 0);
          return { rounds, services: users.services.length, tasks };
        }
        await clock.wait(PAUSE_MS);
      }
      throw new Error(`Not finished after ${mostRounds} rounds`);
    },
  };
}
