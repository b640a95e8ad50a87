import { Sha256 } from "@aws-crypto/sha256-js";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { SignatureV4 } from "@smithy/signature-v4";
import { DependencyError } from "../contract/errors.ts";

export interface RdsQueryOptions {
  readonly region: string;
  /** Of an emulator or a proxy. Default: RDS of the Region. */
  readonly endpoint?: string | undefined;
  /** Default: the SDK's. */
  readonly credentials?: (() => Promise<RdsCredentials>) | undefined;
}

/** What the SDK's credential providers give, as far as a signature needs it. */
export interface RdsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface RdsAnswer {
  readonly xml: string;
  /** Absent where the call succeeded. */
  readonly errorCode?: string | undefined;
}

const API_VERSION = "2014-10-31";
const ANSWER_TIMEOUT_MS = 3_000;

/**
 * RDS's Query API, for the two questions that verify has of it: the SDK's client for RDS would be a fourth one in the
 * bundle, with a parser for XML of its own.
 */
export function createRdsQuery({ region, endpoint, credentials = defaultProvider() }: RdsQueryOptions) {
  const url = new URL(
    endpoint ?? `https://rds.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`,
  );

  /** @throws DependencyError where nothing answers, or what answers is in trouble */
  return async (action: string, parameters: Readonly<Record<string, string>>): Promise<RdsAnswer> => {
    const body = new URLSearchParams({ Action: action, Version: API_VERSION, ...parameters }).toString();
    const { accessKeyId, secretAccessKey, sessionToken } = await credentials();
    const signer = new SignatureV4({
      service: "rds",
      region,
      sha256: Sha256,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) },
    });
    const { headers } = await signer.sign({
      method: "POST",
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port && { port: Number(url.port) }),
      path: "/",
      headers: { host: url.host, "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
      body,
    });
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const answer = await fetch(url, { method: "POST", headers, body, signal })
      .then(async (response) => ({ status: response.status, xml: await response.text() }))
      .catch((cause) => {
        throw new DependencyError("RDS does not answer; a function in a VPC needs a way to it", { cause });
      });
    if (answer.status < 300) return { xml: answer.xml };
    const errorCode = elementOf(answer.xml, "Code");
    if (answer.status < 500 && errorCode !== undefined) return { xml: answer.xml, errorCode };
    throw new DependencyError(`RDS answers ${answer.status}`, {
      details: { action, code: `HTTP_${answer.status}` },
    });
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** The content of the first element of this name. The elements that RDS's answers have below their root have no attributes. */
export function elementOf(xml: string, name: string): string | undefined {
  const content = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1];
  return content?.replaceAll(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
