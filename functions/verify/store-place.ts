import type { Databases } from "../../shared/aws/databases.ts";
import type { SecretFacts } from "../../shared/aws/secrets.ts";
import type { StorePlace } from "../../shared/engines/store-probe.ts";

export type StorePlaceOutcome = StorePlace | { readonly unverifiable: string };

export interface StorePlacePorts {
  readonly databases: Databases;
  /** Hosts that a tag may name, or with a dot in front all below one; empty where it may name none, undefined where any. */
  readonly taggedHosts: readonly string[] | undefined;
}

/** Nothing that a driver takes for several hosts, a path or a user: what is looked up in taggedHosts is where it connects. */
const HOST = /^(?:[\w.-]+|[\da-f:.]+)$/i;

type Tags = Readonly<Record<string, string>>;

/**
 * What is known of a secret's store beside the secret itself: its tags say, else RDS of a master password that it manages, which
 * then has the last word on engine and port too.
 * A host that a tag may not name is left out, and why: a secret that names its own is not concerned.
 */
export async function findStorePlace(
  { secretArn, tags = {} }: Pick<SecretFacts, "secretArn" | "tags">,
  { databases, taggedHosts }: StorePlacePorts,
): Promise<StorePlaceOutcome> {
  const tagged = placeOfTags(tags);
  if ("unverifiable" in tagged) return tagged;
  const hostRefused = whyRefused(tagged, taggedHosts);
  if (hostRefused !== undefined) {
    const { host: _, http: { url: __, ...http } = {}, ...rest } = tagged;
    return { ...rest, http, hostRefused };
  }
  const databaseArn = rdsDatabaseOf(tags);
  if (tagged.host !== undefined || databaseArn === undefined) return tagged;
  const database = await databases.find(databaseArn);
  if (!database || database.masterSecretArn !== secretArn) {
    return { unverifiable: `RDS knows no database ${databaseArn} whose master password is in this secret` };
  }
  const { engine, host, port } = database;
  return withoutAbsent({ database: database.database, ...tagged, engine, host, port });
}

/** ARN of the database whose master password RDS manages in the secret, by the tag that RDS gives it. */
export function rdsDatabaseOf(tags: Tags): string | undefined {
  return tags["aws:rds:primaryDBInstanceArn"] ?? tags["aws:rds:primaryDBClusterArn"];
}

/** `keyturn:engine`, `keyturn:host`, `keyturn:port`, `keyturn:dbname`; for an API `keyturn:url` and how to ask it. */
export function placeOfTags(tags: Tags): StorePlaceOutcome {
  const tag = (name: string) => tags[`keyturn:${name}`]?.trim() || undefined;
  const port = tag("port");
  if (port !== undefined && !isPort(port)) {
    return { unverifiable: `The tag keyturn:port is ${port}, which is no port` };
  }
  return withoutAbsent({
    engine: tag("engine"),
    host: tag("host"),
    port: port === undefined ? undefined : Number(port),
    database: tag("dbname"),
    http: orNone(
      withoutAbsent({
        url: tag("url"),
        method: tag("method"),
        header: tag("header"),
        expectedStatus: tag("expectedStatus"),
        rejectedStatus: tag("rejectedStatus"),
      }),
    ),
  });
}

/** So that a tag that is not there hides nothing that RDS says. */
function withoutAbsent<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function orNone<T extends object>(fields: T): T | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function isPort(text: string): boolean {
  const port = Number(text);
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Why the host of a tag is not taken; undefined where it may be, or no tag names one. */
function whyRefused({ host, http }: StorePlace, allowed: StorePlacePorts["taggedHosts"]): string | undefined {
  if (host !== undefined && !HOST.test(host)) {
    return "The tag keyturn:host is neither the name nor the address of one host";
  }
  const stranger = [host, hostOfUrl(http?.url)].find(
    (name) => name !== undefined && !isAllowed(name, allowed),
  );
  return (
    stranger &&
    `A tag names the host ${stranger}, which the setting taggedHosts does not allow: add it there where the credential may be sent to it`
  );
}

function hostOfUrl(url: string | undefined): string | undefined {
  const name = url === undefined ? undefined : URL.parse(url)?.hostname;
  // An IPv6 address is in brackets there.
  return name?.replace(/^\[(.*)\]$/, "$1");
}

function isAllowed(host: string, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined) return true;
  const name = host.toLowerCase();
  return allowed.some((one) => (one.startsWith(".") ? name.endsWith(one) : name === one));
}
