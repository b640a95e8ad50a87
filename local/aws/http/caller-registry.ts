import type { IncomingMessage } from "node:http";
import type { Caller } from "../service.ts";

/** Who may call, by access key id. Signatures are not checked: on one machine the key id alone tells the roles apart. */
export interface CallerRegistry {
  /** Replaces the caller of the same access key id. */
  register(caller: Caller): void;
  /** The caller that signed a request; undefined where it is unsigned, or its access key id unknown. */
  callerOf(request: IncomingMessage): Caller | undefined;
}

export function createCallerRegistry(): CallerRegistry {
  const callers = new Map<string, Caller>();
  return {
    register(caller) {
      callers.set(caller.accessKeyId, caller);
    },
    callerOf(request) {
      const [, accessKeyId] = /\bCredential=([^/,\s]+)\//.exec(request.headers.authorization ?? "") ?? [];
      return accessKeyId === undefined ? undefined : callers.get(accessKeyId);
    },
  };
}
