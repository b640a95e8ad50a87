import { setTimeout as sleep } from "node:timers/promises";

/** One running copy of a service, as a load balancer knows it. */
export interface LoadTarget {
  readonly taskArn: string;
  readonly port: number;
}

export interface LoadedService {
  readonly name: string;
  /** The copies that take requests now. */
  readonly targets: () => readonly LoadTarget[];
  /** Requests under way at once. */
  readonly concurrency: number;
  /** Pause of each of them between two requests, in milliseconds. */
  readonly pauseMs: number;
}

/** What came of the requests to one service; each runs one query. */
export interface QueryCount {
  readonly queries: number;
  readonly failedQueries: number;
  /** Failures by the error code that the service gave. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface Load {
  /** Counts since the start, by service. */
  counts(): Record<string, QueryCount>;
  stop(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 20_000;

/** Puts a steady load on services through HTTP, and counts every query that fails. */
export function startLoad(services: readonly LoadedService[]): Load {
  const ending = new AbortController();
  const counts = new Map(
    services.map(({ name }) => [name, { queries: 0, failedQueries: 0, codes: {} as Record<string, number> }]),
  );

  async function keepAsking(service: LoadedService, worker: number): Promise<void> {
    for (let turn = worker; !ending.signal.aborted; turn++) {
      const failure = await ask(service, turn);
      const count = counts.get(service.name);
      if (count) {
        count.queries++;
        if (failure) {
          count.failedQueries++;
          count.codes[failure] = (count.codes[failure] ?? 0) + 1;
        }
      }
      await sleep(service.pauseMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }

  const workers = services.flatMap((service) =>
    Array.from({ length: service.concurrency }, (_, worker) => keepAsking(service, worker)),
  );
  return {
    counts: () =>
      Object.fromEntries([...counts].map(([name, count]) => [name, { ...count, codes: { ...count.codes } }])),
    async stop() {
      ending.abort();
      await Promise.all(workers);
    },
  };
}

/**
 * One query, on the next copy in turn; every fourth writes. A copy that takes no connection is passed over for the next one,
 * as a load balancer does. @returns the code of the failure, or undefined
 */
async function ask({ targets }: LoadedService, turn: number): Promise<string | undefined> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const running = targets();
    const target = running[(turn + attempt) % Math.max(1, running.length)];
    if (!target) continue;
    const writes = turn % 4 === 0;
    try {
      const response = await fetch(`http://127.0.0.1:${target.port}/orders`, {
        method: writes ? "POST" : "GET",
        ...(writes && {
          body: JSON.stringify({ item: "notebook", quantity: 1 }),
          headers: { "content-type": "application/json" },
        }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const body: unknown = await response.json();
      if (response.ok) return undefined;
      return typeof body === "object" && body !== null && "error" in body
        ? String(body.error)
        : `HTTP ${response.status}`;
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") return "TIMEOUT";
      // Not taken at all; whatever was taken and got no answer counts as failed.
      if (!isRefused(error)) return "NO_ANSWER";
    }
  }
  return "UNREACHABLE";
}

/** What was counted between two moments. */
export function countsSince(
  now: Record<string, QueryCount>,
  then: Record<string, QueryCount>,
): Record<string, QueryCount> {
  return Object.fromEntries(
    Object.entries(now).map(([name, count]) => {
      const before = then[name];
      const codes = Object.entries(count.codes)
        .map(([code, times]) => [code, times - (before?.codes[code] ?? 0)] as const)
        .filter(([, times]) => times > 0);
      return [
        name,
        {
          queries: count.queries - (before?.queries ?? 0),
          failedQueries: count.failedQueries - (before?.failedQueries ?? 0),
          codes: Object.fromEntries(codes),
        },
      ];
    }),
  );
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
