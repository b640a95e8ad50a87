import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

/** Somebody whose signature the broker takes. */
export interface BrokerCaller {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** With it, a connect must carry the same one. */
  readonly sessionToken?: string;
  /**
   * Whether the caller may do something, such as `iot:Subscribe` on `topicfilter/a/b`; absent where it may do everything.
   *
   * @throws Error saying what is not allowed
   */
  readonly authorize?: (action: string, resource: string) => void;
}

/** The connect is answered with HTTP 403; the message is for the log alone, as at AWS. */
export class SignInRefused extends Error {}

export interface IotSignIn {
  /** Makes a caller known; replaces the one of the same access key id. */
  register(caller: BrokerCaller): void;
  /** @throws SignInRefused */
  callerOf(request: IncomingMessage): Promise<BrokerCaller>;
}

export interface IotSignInOptions {
  readonly region: string;
  readonly now: () => Date;
}

const SERVICE = "iotdevicegateway";
/** So far from ours may the clock of a caller be, whatever X-Amz-Expires says: users report no more of IoT Core. */
const MAX_SKEW_MS = 5 * 60_000;
const MAX_EXPIRES_SECONDS = 7 * 86_400;
/** What the signature itself is made of, or is added after it: the session token. */
const ADDED_BY_SIGNING = /^X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)$/;

/**
 * Checks the presigned URL of a connect as AWS IoT Core does: a query signature of SigV4, and a session token that was
 * added after signing.
 */
export function createIotSignIn({ region, now }: IotSignInOptions): IotSignIn {
  const callers = new Map<string, BrokerCaller>();

  function findCaller(credential: string): { caller: BrokerCaller; day: string } {
    const [accessKeyId = "", day = "", ...scope] = credential.split("/");
    if (scope.join("/") !== `${region}/${SERVICE}/aws4_request`) {
      throw new SignInRefused(`The signature is for ${scope.join("/")}, not for ${region}/${SERVICE}`);
    }
    const caller = callers.get(accessKeyId);
    if (!caller) throw new SignInRefused(`The access key ${accessKeyId} is not known`);
    return { caller, day };
  }

  function checkTimes(signedAt: Date, expiresIn: number): void {
    if (!(expiresIn >= 1 && expiresIn <= MAX_EXPIRES_SECONDS)) {
      throw new SignInRefused("X-Amz-Expires must be 1 to 604800 seconds");
    }
    const ageMs = now().getTime() - signedAt.getTime();
    if (Number.isNaN(ageMs)) throw new SignInRefused("X-Amz-Date is no time");
    if (ageMs > Math.min(expiresIn * 1_000, MAX_SKEW_MS))
      throw new SignInRefused(`The signature of ${iso(signedAt)} has expired`);
    if (-ageMs > MAX_SKEW_MS) throw new SignInRefused(`The signature of ${iso(signedAt)} is not valid yet`);
  }

  return {
    register: (caller) => void callers.set(caller.accessKeyId, caller),
    async callerOf({ url = "/", headers: { host = "" } }) {
      const { pathname, searchParams } = new URL(url, "ws://broker");
      const param = (name: string) => searchParams.get(name) ?? "";
      if (param("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256") throw new SignInRefused("The URL is not signed");
      if (param("X-Amz-SignedHeaders") !== "host") throw new SignInRefused("The host alone is to be signed");
      const { caller, day } = findCaller(param("X-Amz-Credential"));
      const signingDate = parseDate(param("X-Amz-Date"));
      const expiresIn = Number(param("X-Amz-Expires"));
      checkTimes(signingDate, expiresIn);
      if (!param("X-Amz-Date").startsWith(day)) throw new SignInRefused("The scope is of another day");

      const signer = new SignatureV4({
        service: SERVICE,
        region,
        credentials: keysOf(caller),
        sha256: Sha256,
      });
      const others = [...searchParams].filter(([name]) => !ADDED_BY_SIGNING.test(name));
      const request = { method: "GET", protocol: "ws:", hostname: host, path: pathname, headers: { host } };
      const { query = {} } = await signer.presign(
        { ...request, query: Object.fromEntries(others) },
        { signingDate, expiresIn },
      );
      if (!isSame(String(query["X-Amz-Signature"]), param("X-Amz-Signature"))) {
        throw new SignInRefused(`The signature of ${caller.accessKeyId} does not match`);
      }
      if (!isSame(caller.sessionToken ?? "", param("X-Amz-Security-Token"))) {
        throw new SignInRefused(`The session token of ${caller.accessKeyId} is missing or wrong`);
      }
      return caller;
    },
  };
}

/** The session token is no part of the signature. */
function keysOf({ accessKeyId, secretAccessKey }: BrokerCaller) {
  return { accessKeyId, secretAccessKey };
}

/** `20260102T030405Z` */
function parseDate(text: string): Date {
  return new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function iso(date: Date): string {
  return date.toISOString();
}

/** Takes as long for a near miss as for a wild guess. */
function isSame(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}
