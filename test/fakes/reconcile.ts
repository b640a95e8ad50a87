import type { ParameterFacts } from "../../shared/aws/parameters.ts";
import type { SecretFacts } from "../../shared/aws/secrets.ts";
import type { CredentialRotated } from "../../shared/contract/sources/credential-rotated.ts";
import type { Measurement } from "../../shared/lambda/secret-metrics.ts";
import { createFakePipeline, NOW } from "./pipeline.ts";

/** Behind the ports of reconcile: what was done is in the arrays, what is known can be set. */
export function createFakeReconcile() {
  const { ports, events, instances, known } = createFakePipeline();
  /** By ARN: what DescribeSecret says. */
  const secrets = new Map<string, SecretFacts>();
  /** What ListSecrets says, which may be older. */
  const listed: SecretFacts[] = [];
  const parameters = new Map<string, ParameterFacts>();
  /** Secrets that RDS manages, by the database's ARN. */
  const managed = new Map<string, string>();
  const signs: CredentialRotated[] = [];
  const asked: string[] = [];
  const emitted: Measurement[] = [];
  return {
    secrets,
    listed,
    parameters,
    managed,
    instances,
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
          return secrets.get(secretArn);
        },
      },
      parameters: { describe: async (parameterArn: string) => parameters.get(parameterArn) },
      list: {
        async *watched() {
          yield* listed;
        },
        managedFor: async (databaseArn: string) => managed.get(databaseArn),
      },
      signs: { send: async (sign: CredentialRotated) => void signs.push(sign) },
      emit: (measurement: Measurement) => void emitted.push(measurement),
      now: () => NOW,
      pace: { secret: async () => undefined, parameter: async () => undefined },
      silentAfterMs: 26 * 3_600_000,
    },
  };
}
