import * as z from "zod/mini";
import { describeIssues } from "../contract/message.ts";
import { orAbsent, UnusableSecretError } from "./database-secret.ts";
import type { Redacted } from "./redacted.ts";
import { type HttpCheck, nodeErrorCode, type StoreProbe, type StoreTls } from "./store-probe.ts";

/**
 * API keys and tokens: one request with the secret in a header, whose status tells. By default a GET with
 * `Authorization: Bearer @secret`; any status from 200 to 299 accepts, 401 and 403 reject. In the header `@secret` stands
 * for the whole text, `@NAME` for a field of a JSON secret, `@basic` for its username and password as in HTTP's Basic.
 *
 * The certificate is always checked, redirects are not followed, and the answer's body is not read.
 */
export const httpProbe: StoreProbe = {
  async logIn(secret, { http = {} }, { timeoutMs, tls }) {
    const { url, method, header, expected, rejected } = readCheck(secret, http, tls);
    const answer = await fetch(url, {
      method,
      headers: [header, ["connection", "close"]],
      redirect: "manual",
      // To connect, and to answer.
      signal: AbortSignal.timeout(2 * timeoutMs),
    });
    await answer.body?.cancel();
    const { status } = answer;
    if (expected?.includes(status) ?? answer.ok) return;
    if (rejected.includes(status)) throw new StatusError(status, true);
    if (status >= 500 || MAY_PASS.has(status)) throw new StatusError(status, false);
    throw new UnusableSecretError(
      `The API answers ${status}, which neither accepts nor rejects; check url and method, or say which statuses do in expectedStatus and rejectedStatus`,
    );
  },

  refusalOf: (error) =>
    error instanceof StatusError && error.isRefusal
      ? { code: error.code, reason: "The API refused the credential" }
      : undefined,

  codeOf(error) {
    if (!(error instanceof Error)) return undefined;
    // fetch puts an error of its own around that of the socket.
    return error.name === "TimeoutError" ? "NO_ANSWER" : (nodeErrorCode(error) ?? nodeErrorCode(error.cause));
  },
};

class StatusError extends Error {
  readonly code: string;
  readonly isRefusal: boolean;

  constructor(status: number, isRefusal: boolean) {
    super(`The API answered ${status}`);
    this.code = `HTTP_${status}`;
    this.isRefusal = isRefusal;
  }
}

/** Too slow, too early, too many: that says nothing of the credential. */
const MAY_PASS = new Set([408, 425, 429]);

const statuses = z.pipe(
  z.string().check(z.regex(/^ *[1-5]\d\d( +[1-5]\d\d)* *$/, "must be HTTP statuses, separated by spaces")),
  z.transform((text) => text.trim().split(/ +/).map(Number)),
);

const Check = z.object({
  url: z.url("must be a URL"),
  method: z._default(z.enum(["GET", "HEAD", "POST", "OPTIONS"], "must be GET, HEAD, POST or OPTIONS"), "GET"),
  header: z.optional(z.string().check(z.regex(/^[\w-]+:./, "must be a name, a colon and a value"))),
  expectedStatus: z.optional(statuses),
  rejectedStatus: z._default(statuses, [401, 403]),
});

/** The part of a JSON secret that says how to try it. */
const SecretCheck = z.object({
  url: orAbsent(z.string()),
  method: orAbsent(z.string()),
  header: orAbsent(z.string()),
  expectedStatus: orAbsent(z.coerce.string()),
  rejectedStatus: orAbsent(z.coerce.string()),
});

function readCheck(secret: Redacted, place: HttpCheck, tls: StoreTls) {
  const fields = fieldsOf(secret);
  const said = z.safeParse(SecretCheck, fields ?? {});
  if (!said.success) throw notTriable(said.error);
  const known = Object.entries(said.data).filter(([, value]) => value !== undefined);
  const parsed = z.safeParse(Check, { ...place, ...Object.fromEntries(known) });
  if (!parsed.success) throw notTriable(parsed.error);
  const { header = fields ? undefined : "Authorization: Bearer @secret", ...check } = parsed.data;
  if (!header) {
    throw new UnusableSecretError(
      "The secret is JSON, so that it must be said which of its fields is sent: set header in it, or the tag keyturn:header",
    );
  }
  // A header in the secret may be all of the key; one that a tag gives would be accepted whatever the key is.
  if (!said.data.header && header.search(PLACEHOLDER) < 0) {
    throw new UnusableSecretError(
      "The header sends nothing of the secret: put @secret, @basic or @FIELD into it",
    );
  }
  return {
    url: checkedUrl(check.url, tls),
    method: check.method,
    header: fillIn(header, secret, fields ?? {}),
    expected: check.expectedStatus,
    rejected: check.rejectedStatus,
  };
}

function notTriable(error: z.core.$ZodError): UnusableSecretError {
  return new UnusableSecretError(`The secret cannot be tried at an API: ${describeIssues(error).join("; ")}`);
}

/** Undefined where the secret is a text of its own. */
function fieldsOf(secret: Redacted): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(secret.reveal());
    return typeof json === "object" && json !== null ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

function checkedUrl(text: string, tls: StoreTls): URL {
  const url = new URL(text);
  const mayBePlain = tls === "disable";
  if (url.protocol !== "https:" && !(mayBePlain && url.protocol === "http:")) {
    throw new UnusableSecretError("The URL of the API is not https, and a secret is not sent without TLS");
  }
  if (url.username || url.password) {
    throw new UnusableSecretError("The URL of the API holds a user; say in a header what is to be sent");
  }
  return url;
}

const PLACEHOLDER = /@([A-Za-z_][\w-]*)/g;
/** What fetch takes in a header; its own error would quote the value. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function fillIn(
  header: string,
  secret: Redacted,
  fields: Readonly<Record<string, unknown>>,
): [string, string] {
  const colon = header.indexOf(":");
  const field = (name: string): string => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === "string" || typeof value === "number") return String(value);
    throw new UnusableSecretError(`The header names @${name}, but the secret has no such text`);
  };
  const value = header
    .slice(colon + 1)
    .trim()
    .replaceAll(PLACEHOLDER, (_, name: string) => {
      if (name === "secret") return secret.reveal().trim();
      if (name !== "basic") return field(name);
      return Buffer.from(`${field("username")}:${field("password")}`).toString("base64");
    });
  if (!HEADER_VALUE.test(value)) {
    throw new UnusableSecretError("The secret holds characters that cannot be sent in a header");
  }
  return [header.slice(0, colon), value];
}
