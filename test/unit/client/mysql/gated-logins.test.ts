import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { LoginBudget, LoginGate, LoginPaused } from "../../../../client/src/core/login-gate.ts";
import { type ConnectionCallback, GatedLogins } from "../../../../client/src/mysql/gated-logins.ts";

const REFUSED = Object.assign(new Error("refused"), { errno: 1045 });

/** Logins as mysql2 makes them, on sockets that are connected to nothing. */
function setUp({ maxLoginTries = 5 } = {}) {
  const sockets: Socket[] = [];
  const gate = new LoginGate({
    budget: new LoginBudget(maxLoginTries),
    isAuthFailure: (error) => error === REFUSED,
  });
  const logins = new GatedLogins<EventEmitter>(gate, () => {
    const socket = new Socket();
    sockets.push(socket);
    // As mysql2 does, for each socket.
    socket.on("error", () => undefined);
    return socket;
  });
  const logIn = () => {
    const done = vi.fn<ConnectionCallback<EventEmitter>>();
    let answer: ConnectionCallback<EventEmitter> = () => undefined;
    logins.logIn((answered) => {
      answer = answered;
      logins.stream({ config: {} });
    }, done);
    return { done, answer: (error: Error | null, connection?: EventEmitter) => answer(error, connection) };
  };
  return { gate, logins, logIn, sockets };
}

test("holds back what the server says until the login may go on", async () => {
  const { logIn, sockets } = setUp({ maxLoginTries: 1 });
  const first = logIn();
  logIn();
  await vi.waitFor(() => expect(sockets[0]?.isPaused()).toBe(false));
  expect(sockets[1]?.isPaused()).toBe(true);
  first.answer(null, new EventEmitter());
  await vi.waitFor(() => expect(sockets[1]?.isPaused()).toBe(false));
});

test("turns the server's refusal into LoginPaused, which holds it, and leaves no socket behind", async () => {
  const { logins, logIn, sockets } = setUp();
  const { done, answer } = logIn();
  answer(REFUSED);
  const reason = done.mock.calls[0]?.[0];
  expect(reason).toBeInstanceOf(LoginPaused);
  expect(reason?.cause).toBe(REFUSED);
  expect(reason && logins.isLoginFailure(reason)).toBe(true);
  expect(sockets[0]?.destroyed).toBe(true);
  await vi.waitFor(() => expect(logins.openCount).toBe(0));
});

test("opens no socket for a login that would be turned away", async () => {
  const { logIn, sockets } = setUp();
  logIn().answer(REFUSED);
  const { done } = logIn();
  await vi.waitFor(() => expect(done).toHaveBeenCalledExactlyOnceWith(expect.any(LoginPaused)));
  expect(sockets).toHaveLength(1);
});

test("hands on what took no login as it is", () => {
  const { logins } = setUp();
  const full = new Error("Queue limit reached.");
  const done = vi.fn<ConnectionCallback<EventEmitter>>();
  logins.logIn((answer) => answer(full), done);
  expect(done).toHaveBeenCalledExactlyOnceWith(full, undefined);
  expect(logins.isLoginFailure(full)).toBe(false);
});

test("knows a connection until its socket is closed, and survives its errors", async () => {
  const { logins, logIn, sockets } = setUp();
  const connection = new EventEmitter();
  logIn().answer(null, connection);
  expect([...logins.loggedIn]).toEqual([[connection, sockets[0]]]);
  expect(() => connection.emit("error", new Error("lost"))).not.toThrow();
  sockets[0]?.destroy();
  await vi.waitFor(() => expect(logins.loggedIn.size).toBe(0));
});

test("cuts those that log in, and spares those that have", async () => {
  const { logins, logIn, sockets } = setUp();
  logIn().answer(null, new EventEmitter());
  logIn();
  const [served, loggingIn] = sockets;
  logins.cutUnfinished();
  await vi.waitFor(() => expect(logins.openCount).toBe(1));
  expect(loggingIn?.errored).toBeInstanceOf(LoginPaused);
  expect(served?.destroyed).toBe(false);
  logins.cutAll();
  expect(served?.destroyed).toBe(true);
});
