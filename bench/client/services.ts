import { fork } from "node:child_process";
import { once } from "node:events";
import { ACCESS_KEY_ID, type Places, REGION } from "./places.ts";
import type { Call, Calls, Reply } from "./services-process.ts";

type CallServices = <Name extends keyof Calls>(
  name: Name,
  ...args: Parameters<Calls[Name]>
) => ReturnType<Calls[Name]>;

export interface Services extends Places {
  readonly call: CallServices;
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL, the local Secrets Manager and an MQTT broker in one other process, and points this
 * process's AWS SDK to them. They end with `stop`, and with this process.
 */
export async function startServices(): Promise<Services> {
  const child = fork(new URL("services-process.ts", import.meta.url));
  const exited = once(child, "exit");
  const gone = exited.then(([code]) => {
    throw new Error(`The services ended with ${code}`);
  });
  gone.catch(() => undefined);
  const waiting = new Map<number, (reply: Reply) => void>();
  const [places] = (await Promise.race([once(child, "message"), gone])) as [Places];
  child.on("message", (reply: Reply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: places.awsUrl,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: "EXAMPLE",
  });
  let calls = 0;
  const send = async (name: keyof Calls, args: readonly unknown[]) => {
    const id = ++calls;
    const replied = new Promise<Reply>((resolve) => waiting.set(id, resolve));
    child.send({ id, name, args } satisfies Call);
    const { value, error } = await Promise.race([replied, gone]);
    if (error !== undefined) throw new Error(`${name}: ${error}`);
    return value;
  };
  return {
    ...places,
    call: (name, ...args) => send(name, args) as ReturnType<Calls[typeof name]>,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
