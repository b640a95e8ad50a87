import { type EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import type { DomainEvent } from "../contract/domain-event.ts";
import { DependencyError } from "../contract/errors.ts";

/** Tells the rest of the pipeline what happened. */
export interface EventBus {
  /** @throws DependencyError where the bus did not take the event */
  publish(event: DomainEvent): Promise<void>;
}

/** @param source EventBridge source of this stage's events, `keyturn.STAGE`; they go to the default bus */
export function createEventBus(client: EventBridgeClient, source: string): EventBus {
  return {
    async publish({ type, detail }) {
      const answer = await client.send(
        new PutEventsCommand({
          Entries: [
            {
              Source: source,
              DetailType: type,
              Detail: JSON.stringify(detail),
              Resources: [detail.secretArn],
            },
          ],
        }),
      );
      // PutEvents answers 200 with the failure inside.
      if (answer.FailedEntryCount) {
        const code = answer.Entries?.[0]?.ErrorCode ?? "unknown";
        throw new DependencyError(`EventBridge did not take the event: ${code}`, { details: { type, code } });
      }
    },
  };
}
