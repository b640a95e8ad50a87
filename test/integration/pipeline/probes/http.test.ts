import { once } from "node:events";
import { createServer as createPlainServer, type IncomingMessage, type Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { freePort } from "../../../../local/stores/free-port.ts";
import { createLoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import type { HttpCheck } from "../../../../shared/engines/store-probe.ts";
import { type SelfSigned, selfSigned, trusting } from "./self-signed.ts";

const KEY = "key-EXAMPLE";
const probe = createLoginProbe({ timeoutMs: 1_000, tls: "verify-full" });
const seen: IncomingMessage[] = [];
let tls: SelfSigned;
let server: Server;
let plain: Server;
let base: string;
let status: number;

beforeAll(async () => {
  tls = await selfSigned();
  const answer: Parameters<typeof createPlainServer>[1] = (request, response) => {
    seen.push(request);
    if (request.url === "/silent") return;
    response.writeHead(status, { location: `${base}/elsewhere` }).end("not to be read");
  };
  server = createServer(tls, answer).listen(0, "127.0.0.1");
  plain = createPlainServer(answer).listen(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), once(plain, "listening")]);
  base = `https://localhost:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen.length = 0;
  status = 200;
});
afterAll(() => {
  for (const one of [server, plain]) {
    one.close();
    one.closeAllConnections();
  }
});

const login = (text: string, http: HttpCheck = {}) =>
  trusting(tls.cert, () => probe.login(new Redacted(text), { http: { url: `${base}/me`, ...http } }));

test("sends a plain key as a bearer token, and accepts it where the API does", async () => {
  expect(await login(`${KEY}\n`)).toMatchObject({ verdict: "accepted" });
  expect(seen[0]).toMatchObject({ method: "GET", url: "/me", headers: { authorization: `Bearer ${KEY}` } });
});

test("sends what the header's template says, of a secret that says the rest itself", async () => {
  const secret = { url: `${base}/check`, method: "HEAD", header: "X-Api-Key: v1 @apiKey", apiKey: KEY };
  expect(await trusting(tls.cert, () => probe.login(new Redacted(JSON.stringify(secret))))).toMatchObject({
    verdict: "accepted",
  });
  expect(seen[0]).toMatchObject({ method: "HEAD", url: "/check", headers: { "x-api-key": `v1 ${KEY}` } });
});

test("sends username and password as HTTP's Basic has them", async () => {
  await login(JSON.stringify({ username: "orders", password: KEY }), {
    header: "Authorization: Basic @basic",
  });
  const sent = Buffer.from(`orders:${KEY}`).toString("base64");
  expect(seen[0]?.headers.authorization).toBe(`Basic ${sent}`);
});

test.each([401, 403])("rejects a key that the API answers with %i", async (answered) => {
  status = answered;
  const outcome = await login(KEY);
  expect(outcome).toMatchObject({ verdict: "rejected", code: `HTTP_${answered}` });
  expect(JSON.stringify(outcome)).not.toContain(KEY);
});

test("goes by the statuses that are said", async () => {
  status = 404;
  expect(await login(KEY, { expectedStatus: "200 404" })).toMatchObject({ verdict: "accepted" });
  expect(await login(KEY, { rejectedStatus: "404" })).toMatchObject({ verdict: "rejected" });
  status = 200;
  expect(await login(KEY, { expectedStatus: "204" })).toMatchObject({ verdict: "unverifiable" });
});

test("does not follow a redirect: the key goes nowhere else", async () => {
  status = 302;
  expect(await login(KEY)).toMatchObject({ verdict: "unverifiable", reason: expect.stringContaining("302") });
  expect(seen).toHaveLength(1);
});

test.each([429, 500, 503])("%i says nothing of the key", async (answered) => {
  status = answered;
  await expect(login(KEY)).rejects.toThrow(new RegExp(`could not be asked \\(HTTP_${answered}\\)`));
});

test("says nothing of the key where nobody answers, or the certificate is not one that is trusted", async () => {
  await expect(login(KEY, { url: `${base}/silent` })).rejects.toThrow(/NO_ANSWER/);
  await expect(login(KEY, { url: `https://localhost:${await freePort()}/me` })).rejects.toThrow(
    /ECONNREFUSED/,
  );
  seen.length = 0;
  const untrusted = probe.login(new Redacted(KEY), { http: { url: `${base}/me` } });
  await expect(untrusted).rejects.toThrow(/DEPTH_ZERO_SELF_SIGNED_CERT/);
  const otherName = login(KEY, { url: base.replace("localhost", "127.0.0.1") });
  await expect(otherName).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
  expect(seen).toEqual([]);
});

test.each([
  { what: "a URL without TLS", http: { url: "http://localhost/me" }, names: "https" },
  { what: "a URL with a user", http: { url: "https://me:EXAMPLE@localhost/me" }, names: "user" },
  { what: "another method", http: { method: "DELETE" }, names: "method" },
  { what: "a header without a name", http: { header: "Bearer @secret" }, names: "header" },
  { what: "a field that is not there", http: { header: "X-Key: @apiKey" }, names: "@apiKey" },
  { what: "a header that sends nothing of it", http: { header: "X-Key: letmein" }, names: "@secret" },
  { what: "statuses that are none", http: { expectedStatus: "2xx" }, names: "expectedStatus" },
])("does not send the key for $what", async ({ http, names }) => {
  const outcome = await login(KEY, http);
  expect(outcome).toMatchObject({ verdict: "unverifiable", reason: expect.stringContaining(names) });
  expect(JSON.stringify(outcome)).not.toContain("EXAMPLE");
  expect(seen).toEqual([]);
});

test("does not send a key that no header can hold, and does not quote it", async () => {
  const outcome = await login("key-EXAMPLE\r\nX-Injected: yes");
  expect(outcome.verdict).toBe("unverifiable");
  expect(JSON.stringify(outcome)).not.toContain("EXAMPLE");
  expect(seen).toEqual([]);
});

test("does not send all of a JSON secret where nobody says which field", async () => {
  expect(await login(JSON.stringify({ apiKey: KEY }))).toMatchObject({
    verdict: "unverifiable",
    reason: expect.stringContaining("keyturn:header"),
  });
  expect(seen).toEqual([]);
});

test("speaks to a server without TLS where stores are without it, as in the local run", async () => {
  const local = createLoginProbe({ timeoutMs: 1_000, tls: "disable" });
  const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/me`;
  expect(await local.login(new Redacted(KEY), { http: { url } })).toMatchObject({ verdict: "accepted" });
});
