import { createRotatingPool, type RotatingPool, type RotatingPoolOptions } from "keyturn/pg";
import { type Places, TOPIC_PREFIX } from "./places.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A rotating pool that hears of rotations over the broker, and says nothing: what is refused is counted elsewhere. */
export function openPool({ brokerUrl }: Places, options: RotatingPoolOptions): Promise<RotatingPool> {
  return createRotatingPool({
    channelUrl: brokerUrl,
    topicPrefix: TOPIC_PREFIX,
    service: "bench",
    logger: silent,
    ...options,
  });
}
