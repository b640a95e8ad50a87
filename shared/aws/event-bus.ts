import { type EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import type { DomainEvent } from "../contract/domain-event.ts";
import { DependencyError } from "../contract/errors.ts";
import { RECONCILE_CONTINUED, type ReconcileContinued } from "../contract/reconcile-continued.ts";
import { CREDENTIAL_ROTATED, type CredentialRotated } from "../contract/sources/credential-rotated.ts";

/** Tells the rest of the pipeline what happened. */
export interface EventBus {
  /** @throws DependencyError where the bus did not take the event */
  publish(event: DomainEvent): Promise<void>;
}

/** Puts a sign of a rotation on the bus, so that every handler has it. */
export interface Signs {
  /** @throws DependencyError where the bus did not take the event */
  send(sign: CredentialRotated & { readonly secretArn: string }): Promise<void>;
}

/** Has a run of reconcile go on in another invocation. */
export interface Continuations {
  /** @throws DependencyError where the bus did not take the event */
  send(next: ReconcileContinued): Promise<void>;
}

/** @param source EventBridge source of this stage's events, `keyturn.STAGE`; they go to the default bus */
export function createEventBus(client: EventBridgeClient, source: string): EventBus {
  return { publish: ({ type, detail }) => put(client, source, type, detail) };
}

/** @param source `keyturn.STAGE`, so that the stages of one account do not hear each other's */
export function createSigns(client: EventBridgeClient, source: string): Signs {
  return { send: (sign) => put(client, source, CREDENTIAL_ROTATED, sign) };
}

/** @param source `keyturn.STAGE` */
export function createContinuations(client: EventBridgeClient, source: string): Continuations {
  return { send: (next) => put(client, source, RECONCILE_CONTINUED, next) };
}

async function put(
  client: EventBridgeClient,
  Source: string,
  type: string,
  detail: ReconcileContinued | { readonly secretArn: string },
): Promise<void> {
  // What is kept elsewhere has no ARN, and is no resource of AWS's.
  const Resources = "secretArn" in detail && detail.secretArn.startsWith("arn:") ? [detail.secretArn] : [];
  const entry = { Source, DetailType: type, Detail: JSON.stringify(detail), Resources };
  const answer = await client.send(new PutEventsCommand({ Entries: [entry] }));
  // PutEvents answers 200 with the failure inside.
  if (answer.FailedEntryCount) {
    const code = answer.Entries?.[0]?.ErrorCode ?? "unknown";
    throw new DependencyError(`EventBridge did not take the event: ${code}`, { details: { type, code } });
  }
}
