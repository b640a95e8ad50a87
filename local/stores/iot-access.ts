import type { IncomingMessage } from "node:http";
import type { AedesOptions, Client } from "aedes";
import type { BrokerCaller } from "./iot-sign-in.ts";

type Hooks = Required<
  Pick<AedesOptions, "authenticate" | "authorizePublish" | "authorizeSubscribe" | "authorizeForward">
>;

/** MQTT's return code for a client that may not connect. */
const NOT_AUTHORIZED = 5;

/**
 * The broker's permissions, as AWS IoT Core has them: what is not allowed closes the connection, and a message that
 * may not be received is left out. Clients that did not sign in, over plain MQTT, may do everything.
 *
 * @param callerOf who signed in by this request
 */
export function createIotAccess(
  callerOf: (request: IncomingMessage) => BrokerCaller | undefined,
  log: (message: string) => void,
): Hooks {
  /** What is wrong with it; undefined where it is allowed. */
  function refusal(client: Client | null, action: string, resource: string): Error | undefined {
    const caller = client?.req && callerOf(client.req);
    try {
      caller?.authorize?.(action, resource);
      return undefined;
    } catch (error) {
      log(`MQTT client ${client?.id}: ${error instanceof Error ? error.message : String(error)}`);
      return new Error(`${action} on ${resource} is not allowed`);
    }
  }

  return {
    authenticate(client, _username, _password, done) {
      const refused = refusal(client, "iot:Connect", `client/${client.id}`);
      if (refused) done(Object.assign(refused, { returnCode: NOT_AUTHORIZED }), null);
      else done(null, true);
    },
    authorizePublish(client, { topic, retain }, callback) {
      if (topic.startsWith("$SYS/")) return callback(new Error(`${topic} is the broker's own`));
      const actions = retain ? ["iot:Publish", "iot:RetainPublish"] : ["iot:Publish"];
      const refused = actions.map((action) => refusal(client, action, `topic/${topic}`)).find(Boolean);
      callback(refused ?? null);
    },
    authorizeSubscribe(client, subscription, callback) {
      const refused = refusal(client, "iot:Subscribe", `topicfilter/${subscription.topic}`);
      if (refused) callback(refused);
      else callback(null, subscription);
    },
    authorizeForward(client, packet) {
      return refusal(client, "iot:Receive", `topic/${packet.topic}`) ? null : packet;
    },
  };
}
