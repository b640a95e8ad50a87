import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port on loopback that is free now. Another process may take it before it is used: be ready to ask again.
 *
 * @param wanted a certain one; any by default
 * @throws Error EADDRINUSE where the one that is wanted is taken
 */
export async function freePort(wanted = 0): Promise<number> {
  const probe = createServer().listen(wanted, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no free port");
  return address.port;
}
