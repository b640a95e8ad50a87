import type { Channel } from "../aws/channel.ts";
import type { ProbeEvent } from "../aws/probe-event.ts";
import type { StageNames } from "../place/stage-names.ts";
import { type Finding, failed, ok } from "./finding.ts";

export interface Patience {
  readonly now: () => Date;
  readonly pause: (ms: number) => Promise<void>;
  /** How long an event may take. */
  readonly deliveryTimeoutMs: number;
}

const LOOK_EVERY_MS = 250;

/** Sends an event that changes nothing through bus, rule, queue and function, and sees it arrive. */
export async function checkDelivery(
  probe: ProbeEvent,
  { now, pause, deliveryTimeoutMs }: Patience,
  names: StageNames,
): Promise<Finding[]> {
  const check = "event delivery";
  const startedAt = now().getTime();
  const id = await probe.send();
  for (;;) {
    const elapsedMs = now().getTime() - startedAt;
    if (await probe.hasArrived(id))
      return [ok(check, `An event passed bus, rule, queue and function within ${elapsedMs} ms`)];
    if (elapsedMs >= deliveryTimeoutMs) {
      return [
        failed(
          check,
          `An event on the bus did not arrive within ${deliveryTimeoutMs / 1_000} s`,
          `See whether ${names.queue("measure")} holds messages: then look at the log of ${names.function("measure")}. Else look at the rule ${names.stack}-domain-events and the queue's policy.`,
        ),
      ];
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** Signs in as a service does, and subscribes. */
export async function checkChannel(channel: Channel, names: StageNames): Promise<Finding[]> {
  const open = await channel.open([`${names.topicPrefix}/notices/+`], () => undefined);
  await open.close();
  return [ok("channel", `The broker took sign-in and a subscription to ${names.topicPrefix}/notices/+`)];
}
