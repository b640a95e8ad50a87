import { randomBytes } from "node:crypto";

/** AWS IoT Core's limit: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits */
const MAX_BYTES = 128;
/** The subscriber policy allows clients by it. */
const PREFIX = "keyturn-";

/**
 * An MQTT client id by which an instance is found in the broker's log: `keyturn-TASK-RANDOM`. Each call gives another
 * one, since a broker disconnects the older of two clients with the same id, and a process may have many channels.
 *
 * @param instanceId an ECS task's ARN, or `host:pid`
 */
export function createClientId(instanceId: string): string {
  const unique = `-${randomBytes(6).toString("hex")}`;
  // Nothing that is a wildcard or a level in MQTT or in a policy; and one byte for each character.
  const name = (instanceId.split("/").at(-1) ?? "").replaceAll(/[^\w.-]/g, "-");
  return PREFIX + name.slice(0, MAX_BYTES - PREFIX.length - unique.length) + unique;
}
