import { ConfigError } from "../../../shared/contract/errors.ts";
import { type ChannelAuth, channelAuthProblem, isWebSocket } from "../core/rotation-options.ts";

/** What the SDK's credential providers give, as far as a signature needs it. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent with the long-lived keys of a user. */
  readonly sessionToken?: string | undefined;
}

export interface SignInOptions {
  /** `ws://` or `wss://` URL of the broker; without a path it is `/mqtt`. */
  readonly url: string;
  readonly region: string;
  /** Asked for each connect. Default: the SDK's default chain, read anew. */
  readonly credentials?: (() => Promise<AwsCredentials>) | undefined;
  /** Default: now. */
  readonly signingDate?: Date | undefined;
}

/** The data endpoints of AWS IoT Core, also FIPS and dual-stack: https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const IOT_HOST =
  /\.iot(?:-fips)?\.([a-z\d-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)$/i;
const IOT_SERVICE = "iotdevicegateway";
const IOT_PATH = "/mqtt";
/** The longest that the signature's format allows. IoT Core is told to look at the time of signing alone, so each connect is signed anew. */
const EXPIRES_IN_SECONDS = 86_400;

/**
 * How a channel signs in: as given, else by SigV4 at AWS IoT Core's own hosts over WebSocket, and not at all at others.
 *
 * @throws ConfigError where SigV4 is wanted on a URL that is not WebSocket
 */
export function channelAuthOf(url: string, given?: ChannelAuth): ChannelAuth {
  const problem = channelAuthProblem(url, given);
  if (problem !== undefined) throw new ConfigError([problem]);
  return given ?? (isWebSocket(url) && iotRegionOf(url) !== undefined ? "aws-sigv4" : "none");
}

/** The Region in the name of an AWS IoT Core host; undefined for any other host, such as a custom domain. */
export function iotRegionOf(url: string): string | undefined {
  return IOT_HOST.exec(new URL(url).hostname)?.[1]?.toLowerCase();
}

/**
 * Signs the URL of one connect by SigV4. The packages for it are loaded with the first call.
 *
 * @throws Error of the credential provider where there are no credentials
 */
export async function presignConnect(options: SignInOptions): Promise<string> {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@aws-crypto/sha256-js"),
  ]);
  const { region, credentials: provide = readCredentials, signingDate = new Date() } = options;
  const { accessKeyId, secretAccessKey, sessionToken } = await provide();
  const { protocol, host, hostname, pathname, searchParams } = new URL(options.url);
  const path = pathname === "/" ? IOT_PATH : pathname;
  const signer = new SignatureV4({
    service: IOT_SERVICE,
    region,
    // IoT Core's signature leaves the session token out; other services' includes it.
    credentials: { accessKeyId, secretAccessKey },
    sha256: Sha256,
  });
  const { query = {} } = await signer.presign(
    { method: "GET", protocol, hostname, path, headers: { host }, query: Object.fromEntries(searchParams) },
    { expiresIn: EXPIRES_IN_SECONDS, signingDate },
  );
  const signed = { ...query, ...(sessionToken && { "X-Amz-Security-Token": sessionToken }) };
  const pairs = Object.entries(signed).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return `${protocol}//${host}${path}?${pairs.join("&")}`;
}

/** A chain of its own for each connect: one that is kept would go on handing out what it read before. */
async function readCredentials(): Promise<AwsCredentials> {
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  return defaultProvider()();
}
