import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

/** Keys of whoever is signed in. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Signer {
  readonly region: string;
  readonly keys: Keys;
}

/** Long enough to connect: a URL is signed for each connect. */
const EXPIRES_IN_SECONDS = 300;
const ANSWER_WITHIN_MS = 10_000;

/**
 * Asks AWS for the account's broker: one call, for which a client of IoT Core's control plane would be a package more. https://docs.aws.amazon.com/iot/latest/apireference/API_DescribeEndpoint.html
 *
 * @throws Error named as AWS names it where that is refused
 */
export async function findChannelUrl(
  { region, keys }: Signer,
  request: typeof fetch = fetch,
): Promise<string> {
  const hostname = `iot.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`;
  const signer = new SignatureV4({
    service: "iot",
    region,
    credentials: credentialsOf(keys),
    sha256: Sha256,
  });
  const { headers, path } = await signer.sign({
    method: "GET",
    protocol: "https:",
    hostname,
    path: "/endpoint",
    query: { endpointType: "iot:Data-ATS" },
    headers: { host: hostname },
  });
  const answer = await request(`https://${hostname}${path}?endpointType=iot%3AData-ATS`, {
    headers,
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const body: unknown = await answer.json();
  if (typeof body === "object" && body !== null && "endpointAddress" in body) {
    return `wss://${body.endpointAddress}/mqtt`;
  }
  const message = typeof body === "object" && body !== null && "message" in body ? String(body.message) : "";
  const refused = new Error(`iot:DescribeEndpoint was refused: ${message || answer.status}`);
  refused.name = answer.headers.get("x-amzn-errortype")?.split(":")[0] ?? "AccessDenied";
  throw refused;
}

/** Signs the URL of one connect. AWS IoT Core takes the session token beside the signature, not in it. */
export async function signChannelUrl(url: string, { region, keys }: Signer): Promise<string> {
  const { protocol, host, hostname, pathname } = new URL(url);
  const path = pathname === "/" ? "/mqtt" : pathname;
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signer = new SignatureV4({
    service: "iotdevicegateway",
    region,
    credentials: { accessKeyId, secretAccessKey },
    sha256: Sha256,
  });
  const { query = {} } = await signer.presign(
    { method: "GET", protocol, hostname, path, headers: { host } },
    { expiresIn: EXPIRES_IN_SECONDS },
  );
  const signed = { ...query, ...(sessionToken && { "X-Amz-Security-Token": sessionToken }) };
  const pairs = Object.entries(signed).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return `${protocol}//${host}${path}?${pairs.join("&")}`;
}

const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: Keys) => ({
  accessKeyId,
  secretAccessKey,
  ...(sessionToken && { sessionToken }),
});
