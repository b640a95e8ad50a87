import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Command, type RedisOptions, ReplyError } from "ioredis";
import { type RedisCredential, redisErrorCode } from "../../../shared/engines/redis.ts";

/** The part of ioredis' options that says how to reach the server. */
export type SocketOptions = Pick<RedisOptions, "path" | "family" | "tls" | "connectTimeout">;

/** Without host and port: they are the credential's, and in ioredis' options by default. */
export function socketOptions({ path, family, tls, connectTimeout }: RedisOptions): SocketOptions {
  return {
    ...(path && { path }),
    ...(family === undefined ? {} : { family }),
    ...(tls && { tls }),
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
  };
}

const noop = () => undefined;
/** Redis answers with a short line; a server that sends more is not one. */
const LONGEST_ANSWER = 1_024;

/** What follows `AUTH`. */
export function authArguments({ user, password }: RedisCredential): string[] {
  return user === undefined ? [password.reveal()] : [user, password.reveal()];
}

/**
 * Connects and logs in. The socket comes paused, with nothing in it: its session speaks RESP2 until somebody says HELLO.
 *
 * @param mayLogIn waited for when the server is reached, before the password goes out
 * @throws ReplyError with the server's `code` where it refuses; the socket's error, or ETIMEDOUT
 */
export async function logIn(
  credential: RedisCredential,
  options: SocketOptions,
  { signal, mayLogIn }: { readonly signal: AbortSignal; readonly mayLogIn: () => Promise<void> },
): Promise<Socket> {
  const socket = openSocket(credential, options);
  // ioredis listens later; an error in between must not end the process.
  socket.on("error", noop);
  const end = () => socket.destroy(new Error("Connection is closed."));
  signal.addEventListener("abort", end);
  try {
    if (signal.aborted) end();
    await reached(socket, options);
    await mayLogIn();
    await authenticate(socket, credential, options);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function openSocket(
  { host, port, tls }: RedisCredential,
  { path, family, tls: given }: SocketOptions,
): Socket {
  const to = path ? { path } : { host, port, ...(family === undefined ? {} : { family }) };
  return given || tls ? connectTls({ ...to, ...given }) : createConnection(to);
}

function reached(socket: Socket, { connectTimeout }: SocketOptions): Promise<void> {
  const event = "encrypted" in socket ? "secureConnect" : "connect";
  return answerOf(socket, connectTimeout, (settle) => {
    socket.once(event, () => settle());
    return () => socket.removeAllListeners(event);
  });
}

function authenticate(
  socket: Socket,
  credential: RedisCredential,
  { connectTimeout }: SocketOptions,
): Promise<void> {
  return answerOf(socket, connectTimeout, (settle) => {
    let answer = "";
    const read = (data: Buffer) => {
      answer += data.toString("latin1");
      const end = answer.indexOf("\r\n");
      if (end < 0 && answer.length <= LONGEST_ANSWER) return;
      socket.pause();
      settle(answer.startsWith("+") ? undefined : refusalOf(answer.slice(0, Math.max(0, end))));
    };
    socket.on("data", read);
    socket.write(new Command("AUTH", authArguments(credential)).toWritable(socket));
    return () => socket.off("data", read);
  });
}

/** Waits for one thing that the server does, and not for ever. */
function answerOf(
  socket: Socket,
  timeoutMs: number | undefined,
  listen: (settle: (error?: Error) => void) => () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const settle = (error?: Error) => {
      clearTimeout(timer);
      stop();
      socket.off("error", failed).off("close", closed);
      if (error) reject(error);
      else resolve();
    };
    const failed = (error: Error) => {
      failure = error;
    };
    const closed = () => settle(failure ?? new Error("Connection is closed."));
    const timer = timeoutMs ? setTimeout(() => settle(timedOut()), timeoutMs) : undefined;
    const stop = listen(settle);
    socket.on("error", failed).on("close", closed);
    if (socket.destroyed) closed();
  });
}

function timedOut(): Error {
  return Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT", syscall: "connect" });
}

/** As ioredis raises it, but without the command: its arguments are the credential. */
function refusalOf(answer: string): Error {
  const error: Error = new ReplyError(
    answer.replace(/^-/, "") || "The server's answer to AUTH is none of Redis'",
  );
  return Object.assign(error, { code: redisErrorCode(error) ?? "ERR" });
}
