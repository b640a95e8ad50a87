import { isRotated, type KnownSecret, type Ledger } from "../../../shared/aws/ledger.ts";
import type { SecretDirectory } from "../aws/secrets.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { secretName } from "../format/names.ts";
import { plural } from "../format/plural.ts";
import { formatSecret, formatSecrets } from "../format/status.ts";
import type { Suggest } from "../place/suggest.ts";
import { findSecret } from "./find-secret.ts";
import { type Adoption, type AdoptionPorts, countAdopted, readAdoption } from "./read-adoption.ts";
import type { Say } from "./say.ts";

export interface StatusPorts extends AdoptionPorts {
  readonly ledger: Pick<Ledger, "readSecret" | "listSecrets">;
  readonly secrets: Pick<SecretDirectory, "find">;
  readonly suggest: Suggest;
}

export interface StatusOptions {
  /** Name, ARN or an id of one's own; all that the ledger knows unless given. */
  readonly secretId?: string | undefined;
  /** Shows instances that have ended as well, and secrets that are gone, or of which nothing is known but their ARN. */
  readonly all?: boolean | undefined;
}

/** How many secrets are read at the same time: a stage may have hundreds. */
const AT_ONCE = 8;

/** Who runs on what. @returns 1 where anybody is behind, or a credential is not known to be good */
export async function showStatus(
  { secretId, all = false }: StatusOptions,
  ports: StatusPorts,
  say: Say,
): Promise<ExitCode> {
  const shown = (adoption: Adoption): Adoption => ({
    ...adoption,
    instances: adoption.instances.filter(({ state }) => all || state !== "ended"),
  });
  if (secretId === undefined) {
    const adoptions = (await readAll(all, ports, say)).map(shown);
    say.result({ secrets: adoptions.map(toDocument) }, () => formatSecrets(adoptions, ports.now()));
    return adoptions.every(({ reasons }) => reasons.length === 0) ? EXIT.ok : EXIT.notWell;
  }
  const { secretArn, currentVersionId } = await findSecret(secretId, ports);
  const adoption = shown(await readAdoption(secretArn, currentVersionId, ports));
  say.result(toDocument(adoption), () => formatSecret(adoption, ports.now()));
  return adoption.reasons.length === 0 ? EXIT.ok : EXIT.notWell;
}

async function readAll(all: boolean, ports: StatusPorts, say: Say): Promise<Adoption[]> {
  const adoptions: Adoption[] = [];
  let reading: Promise<Adoption | undefined>[] = [];
  const finish = async () => {
    adoptions.push(...(await Promise.all(reading)).filter((adoption) => adoption !== undefined));
    reading = [];
    say.progress(`${plural(adoptions.length, "secret")} read`);
  };
  for await (const secret of ports.ledger.listSecrets()) {
    if (secret.goneSince === undefined || all) reading.push(readListed(secret, all, ports));
    if (reading.length >= AT_ONCE) await finish();
  }
  await finish();
  return adoptions.toSorted((a, b) => a.view.secretArn.localeCompare(b.view.secretArn));
}

async function readListed(
  secret: KnownSecret,
  all: boolean,
  ports: StatusPorts,
): Promise<Adoption | undefined> {
  const { secretArn, goneSince } = secret;
  const adoption = await readAdoption(secretArn, undefined, ports);
  // Its instances are forgotten by now, or somebody reported on a secret that never was: there is nothing to tell.
  if (!all && !isRotated(secret) && adoption.view.instances.length === 0) return undefined;
  // Nobody can put right any more what was not well with it.
  return goneSince === undefined ? adoption : { ...adoption, goneSince, reasons: [] };
}

/** The form that scripts read; docs/cli.md describes it. */
export function toDocument(adoption: Adoption): object {
  const { view, versionId, instances, reasons, goneSince } = adoption;
  const { secretArn, current, decisions } = view;
  return {
    secretArn,
    name: secretName(secretArn),
    versionId,
    ...(goneSince && { goneSince }),
    ...(current && {
      currentSince: current.currentSince,
      detectedBy: current.detectedBy,
      noticedAt: current.noticedAt,
      verdict: current.verdict,
      reason: current.reason,
      checkedAt: current.checkedAt,
      staleAtCheck: current.staleAtCheck,
      unmanagedAtCheck: current.unmanagedAtCheck,
    }),
    ...countAdopted(adoption),
    isWell: reasons.length === 0,
    notWell: reasons,
    instances,
    redeploys: decisions.filter(({ currentSince }) => currentSince === current?.currentSince),
  };
}
