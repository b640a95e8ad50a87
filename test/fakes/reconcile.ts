import type { ParameterFacts } from "../../shared/aws/parameters.ts";
import type { SecretFacts } from "../../shared/aws/secrets.ts";
import type { ReconcileContinued } from "../../shared/contract/reconcile-continued.ts";
import type { CredentialRotated } from "../../shared/contract/sources/credential-rotated.ts";
import type { Measurement } from "../../shared/lambda/secret-metrics.ts";
import { createFakePipeline, NOW } from "./pipeline.ts";

const HOUR_MS = 3_600_000;

/** Behind the ports of reconcile: what was done is in the arrays, what is known can be set. */
export function createFakeReconcile() {
  const { ports, events, instances, known, versions, checks, decisions } = createFakePipeline();
  /** By ARN: what DescribeSecret says. */
  const secrets = new Map<string, SecretFacts>();
  /** What ListSecrets says, which may be older. */
  const listed: SecretFacts[] = [];
  const parameters = new Map<string, ParameterFacts>();
  /** ARNs of those that DescribeParameters lists. */
  const listedParameters: string[] = [];
  const continuations: ReconcileContinued[] = [];
  /** Goes on by a millisecond with each secret that is asked about. */
  const clock = { ms: NOW.getTime() };
  /** Secrets that RDS manages, by the database's ARN. */
  const managed = new Map<string, string>();
  const signs: CredentialRotated[] = [];
  const asked: string[] = [];
  const emitted: Measurement[] = [];
  return {
    secrets,
    listed,
    parameters,
    listedParameters,
    continuations,
    managed,
    instances,
    versions,
    checks,
    decisions,
    known,
    signs,
    asked,
    emitted,
    events,
    ports: {
      ...ports,
      secrets: {
        describe: async (secretArn: string) => {
          asked.push(secretArn);
          clock.ms += 1;
          return secrets.get(secretArn);
        },
      },
      parameters: {
        describe: async (parameterArn: string) => parameters.get(parameterArn),
        async *watched(beforePage: () => Promise<void>) {
          await beforePage();
          for (const parameterArn of listedParameters) {
            const facts = parameters.get(parameterArn);
            if (facts) yield { parameterArn, ...facts };
          }
        },
      },
      list: {
        async *watched() {
          yield* listed;
        },
        managedFor: async (databaseArn: string) => managed.get(databaseArn),
      },
      signs: { send: async (sign: CredentialRotated) => void signs.push(sign) },
      continuations: { send: async (next: ReconcileContinued) => void continuations.push(next) },
      watchesAll: true,
      emit: (measurement: Measurement) => void emitted.push(measurement),
      now: () => new Date(clock.ms),
      pace: { secret: async () => undefined, parameter: async () => undefined },
      budgetMs: 60_000,
      settledAfterMs: HOUR_MS,
      silentAfterMs: 26 * HOUR_MS,
    },
  };
}
