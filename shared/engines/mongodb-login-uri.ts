import { UnusableSecretError } from "./database-secret.ts";
import type { StoreTls } from "./store-probe.ts";

/** Scheme with hosts, path, and options. What is behind a "#" is nothing. */
const PARTS = /^(mongodb(?:\+srv)?:\/\/[^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?/;

/** All that matters to a login. The rest is about commands and pools, of which there are none here. */
const KEPT = new Set(
  [
    "authMechanism",
    "authSource",
    "directConnection",
    "loadBalanced",
    "readPreference",
    "replicaSet",
    "srvMaxHosts",
    "srvServiceName",
  ].map((name) => name.toLowerCase()),
);

/** Options by which the credential would go elsewhere, or another one would be used; and why they are refused. */
const REFUSED: Readonly<Record<string, string>> = {
  proxyhost: "the credential goes to the store and through nobody's proxy",
  srvallowedhostssuffix: "hosts that DNS names are to be under the domain of the connection string",
  authmechanismproperties: "the login is by user and password alone",
  tlscertificatekeyfile: "the login is by user and password alone, without a certificate of its own",
};

/** Those that log in by user and password; others would take the function's own identity, or a token of it. */
const MECHANISMS = ["DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256"];
/** It gives the password itself away, so that the server has to be known. */
const PLAIN = "PLAIN";

const ASKS_FOR_TLS = new Set(["tls", "ssl"]);
const TRUSTS_ANYBODY = new Set(["tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames"]);

/**
 * The connection string with those of its options that a login needs. How TLS is done is for the setting to say: options
 * about it are left out where they agree with it.
 *
 * @throws UnusableSecretError that names the option, where one would weaken what the setting asks for, or send the
 * credential elsewhere
 */
export function mongoLoginUri(uri: string, tls: StoreTls): string {
  const [, hosts, path = "/", options = ""] = PARTS.exec(uri) ?? [];
  if (!hosts) throw new UnusableSecretError("The secret's connection string names no host");
  const given = [...new URLSearchParams(options)];
  for (const [name, value] of given) refuse(name, value, tls);
  const kept = new URLSearchParams(given.filter(([name]) => KEPT.has(name.toLowerCase())));
  return kept.size === 0 ? `${hosts}${path}` : `${hosts}${path}?${kept}`;
}

function refuse(name: string, value: string, tls: StoreTls): void {
  const option = name.toLowerCase();
  const why = Object.hasOwn(REFUSED, option) ? REFUSED[option] : undefined;
  if (why !== undefined)
    throw new UnusableSecretError(`The connection string has the option ${name}: ${why}`);
  const mechanisms = tls === "verify-full" ? [...MECHANISMS, PLAIN] : MECHANISMS;
  if (option === "authmechanism" && !mechanisms.includes(value)) {
    throw new UnusableSecretError(
      `The connection string has the option ${name}, which is none of ${mechanisms.join(", ")}; ${PLAIN} is taken with storeTls verify-full alone`,
    );
  }
  if (contradicts(option, value, tls)) {
    throw new UnusableSecretError(
      `The option ${name} of the connection string contradicts the setting storeTls, which is ${tls}; remove it, or change the setting`,
    );
  }
}

/** Less than the setting asks for; or TLS where the setting would have none. */
function contradicts(option: string, value: string, tls: StoreTls): boolean {
  if (ASKS_FOR_TLS.has(option)) return (value === "true") === (tls === "disable");
  return TRUSTS_ANYBODY.has(option) && value !== "false" && tls === "verify-full";
}
