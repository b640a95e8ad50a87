import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { createLoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import { REDIS_SERVER, type RedisServer, startRedis } from "../../client/redis-server.ts";
import { trusting } from "./self-signed.ts";
import { type SilentServer, startSilentServer } from "./silent-server.ts";
import { startTlsProxy } from "./tls-proxy.ts";

/** Redis 5, as far as AUTH goes: https://github.com/redis/redis/blob/5.0/src/server.c */
describe("Redis before version 6", () => {
  const probe = createLoginProbe({ timeoutMs: 500, tls: "disable" });
  const tryAt = async (answer: string, login: object) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy()).on("data", () => socket.write(`-${answer}\r\n`));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      return await probe.login(
        new Redacted(JSON.stringify({ engine: "redis", host: "127.0.0.1", port, ...login })),
      );
    } finally {
      server.close();
    }
  };

  test("rejects a wrong password, for which it has no word of its own", async () => {
    const outcome = await tryAt("ERR invalid password", { password: "WRONG" });
    expect(outcome).toMatchObject({ verdict: "rejected", code: "ERR" });
  });

  test.each([
    { answer: "ERR Client sent AUTH, but no password is set", login: {}, says: /no password/ },
    {
      answer: "ERR wrong number of arguments for 'auth' command",
      login: { username: "orders" },
      says: /knows no users/,
    },
  ])("calls it unverifiable where it answers $answer", async ({ answer, login, says }) => {
    const outcome = await tryAt(answer, { password: "first-EXAMPLE", ...login });
    expect(outcome).toMatchObject({ verdict: "unverifiable", reason: expect.stringMatching(says) });
  });
});

describe.skipIf(!REDIS_SERVER)("Redis", () => {
  const probe = createLoginProbe({ timeoutMs: 500, tls: "disable" });
  let redis: RedisServer;
  let silent: SilentServer;

  beforeAll(async () => {
    redis = await startRedis();
    silent = await startSilentServer();
    await redis.acl("SETUSER", "orders", "on", ">first-EXAMPLE", "-@all");
    await redis.acl("SETUSER", "locked", "off", ">first-EXAMPLE", "+@all");
  });
  afterAll(async () => {
    await silent?.stop();
    await redis?.stop();
  });

  const secret = (changes: Record<string, unknown> = {}) =>
    new Redacted(
      JSON.stringify({
        engine: "redis",
        host: "127.0.0.1",
        port: redis.port,
        username: "orders",
        password: "first-EXAMPLE",
        ...changes,
      }),
    );

  test("accepts a user that may log in and do nothing else", async () => {
    expect(await probe.login(secret())).toMatchObject({ verdict: "accepted" });
  });

  test("accepts a secret of ElastiCache, which says neither engine nor host, where tags do", async () => {
    const bare = new Redacted(JSON.stringify({ username: "orders", password: "first-EXAMPLE" }));
    const place = { engine: "elasticache", host: "127.0.0.1", port: redis.port };
    expect(await probe.login(bare, place)).toMatchObject({ verdict: "accepted" });
  });

  test("tries a password without a user, as servers with one for all have it", async () => {
    await redis.acl("SETUSER", "default", ">token-EXAMPLE", "resetpass", ">token-EXAMPLE");
    try {
      for (const username of [undefined, "default"]) {
        const token = (auth_token: string) => secret({ username, password: undefined, auth_token });
        expect(await probe.login(token("token-EXAMPLE"))).toMatchObject({ verdict: "accepted" });
        expect(await probe.login(token("WRONG"))).toMatchObject({ verdict: "rejected", code: "WRONGPASS" });
      }
    } finally {
      await redis.acl("SETUSER", "default", "nopass");
    }
  });

  test.each([
    { what: "a wrong password", changes: { password: "WRONG" } },
    { what: "an unknown user", changes: { username: "nobody-here" } },
    { what: "a user that is switched off", changes: { username: "locked" } },
  ])("rejects $what with WRONGPASS", async ({ changes }) => {
    const outcome = await probe.login(secret(changes));
    expect(outcome).toMatchObject({ verdict: "rejected", code: "WRONGPASS" });
    expect(JSON.stringify(outcome)).not.toMatch(/EXAMPLE|nobody-here/);
  });

  test("says nothing of the credential where nobody listens, nobody answers, or no TLS is spoken", async () => {
    await expect(probe.login(secret({ port: 1 }))).rejects.toThrow(/ECONNREFUSED/);
    await expect(probe.login(secret({ port: silent.port }))).rejects.toThrow(/NO_ANSWER/);
    const strict = createLoginProbe({ timeoutMs: 500, tls: "verify-full" });
    await expect(strict.login(secret())).rejects.toBeInstanceOf(DependencyError);
    await expect(strict.login(secret({ tls: false, ssl: "false" }))).rejects.toBeInstanceOf(DependencyError);
  });

  test.each([{ username: undefined }, { username: "default", password: "WRONG" }])(
    "a server without a password takes everybody and proves nothing: %o",
    async (changes) => {
      const outcome = await probe.login(secret(changes));
      expect(outcome).toMatchObject({
        verdict: "unverifiable",
        reason: expect.stringMatching(/no password/),
      });
    },
  );

  test("checks certificate and name of the server, with the authorities that Node trusts", async () => {
    const strict = createLoginProbe({ timeoutMs: 2_000, tls: "verify-full" });
    const lenient = createLoginProbe({ timeoutMs: 2_000, tls: "require" });
    const proxy = await startTlsProxy(redis.port);
    try {
      const named = secret({ host: "localhost", port: proxy.port });
      await expect(strict.login(named)).rejects.toThrow(/DEPTH_ZERO_SELF_SIGNED_CERT/);
      expect(await lenient.login(named)).toMatchObject({ verdict: "accepted" });
      await trusting(proxy.certificate, async () => {
        expect(await strict.login(named)).toMatchObject({ verdict: "accepted" });
        await expect(strict.login(secret({ port: proxy.port }))).rejects.toThrow(
          /ERR_TLS_CERT_ALTNAME_INVALID/,
        );
      });
      expect(proxy.names).toContain("localhost");
    } finally {
      await proxy.stop();
    }
  });

  test("leaves no session behind", async () => {
    await probe.login(secret());
    await expect.poll(() => redis.sessionsOf("orders")).toEqual([]);
  });
});
