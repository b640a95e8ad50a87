import { pause } from "./backoff.ts";

/** A storm of logins is spread over so much time for each of them, and in all. */
const SPREAD = { perLoginMs: 30, inAllMs: 600 };
const TIMEOUT_MS = 1_500;

/** Opens so many connections, spread over a moment. Gives up on those that do not come in time, and leaves the rest. */
export async function warmUp<C extends { release(): void }>(
  count: number,
  connect: () => Promise<C>,
): Promise<void> {
  const spreadMs = Math.min(count * SPREAD.perLoginMs, SPREAD.inAllMs);
  const opened: C[] = [];
  let isWaiting = true;
  const open = async () => {
    await pause(Math.random() * spreadMs);
    const connection = await connect();
    // All are held until the last has come, or one would be handed out twice.
    if (isWaiting) opened.push(connection);
    else connection.release();
  };
  const done = new AbortController();
  void Promise.allSettled(Array.from({ length: count }, open)).then(() => done.abort());
  await pause(TIMEOUT_MS, done.signal);
  isWaiting = false;
  for (const connection of opened) connection.release();
}
