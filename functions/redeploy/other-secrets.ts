import type { ServiceUsingSecret } from "../../shared/aws/ecs-services.ts";
import type { Ledger, RotationKey, RotationRecord } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { kindOfSecret } from "../../shared/contract/secret-id.ts";

export interface OtherSecretsPorts {
  readonly ledger: Pick<Ledger, "findNewest">;
  readonly secrets: Pick<Secrets, "describe">;
  /** Whether a credential that could not be tried may lead to a deployment. */
  readonly mayRedeployUnverified: boolean;
}

/** Why a service is not deployed for one secret on account of another. */
export interface OtherCredential {
  readonly reason: "other-credential-rejected" | "other-credential-unverified";
  readonly otherSecretArn: string;
}

const FOR_ANOTHER: ReadonlySet<string> = new Set<OtherCredential["reason"]>([
  "other-credential-rejected",
  "other-credential-unverified",
]);

type Service = Pick<ServiceUsingSecret, "serviceArn" | "secretIds" | "primaryDeployment">;

/** The newest rotations of the secrets that the service uses besides this one. */
export async function findOthers(
  { secretArn }: RotationKey,
  { serviceArn, secretIds }: Pick<Service, "serviceArn" | "secretIds">,
  ledger: Pick<Ledger, "findNewest">,
): Promise<RotationRecord[]> {
  const ids = new Set(secretIds.flatMap((id) => fullIdsOf(id, serviceArn)));
  for (const own of [secretArn, withoutSuffix(secretArn)]) ids.delete(own);
  const found = new Map<string, RotationRecord>();
  for (const id of ids)
    for (const rotation of await ledger.findNewest(id)) found.set(rotation.secretArn, rotation);
  return [...found.values()];
}

/**
 * What the other secrets of a service say to a deployment of it: new tasks start with the current version of each.
 * One that is refused would break all of them. Of one that moved after the service's deployment began, and so is not what
 * its tasks run with, it matters as well that it was tried.
 *
 * @returns "wait" where there is no verdict yet; undefined where nothing stands against it
 */
export async function lookAtOthers(
  rotation: RotationKey,
  service: Service,
  { ledger, secrets, mayRedeployUnverified }: OtherSecretsPorts,
): Promise<OtherCredential | "wait" | undefined> {
  const beganAt = service.primaryDeployment?.createdAt.getTime() ?? Number.NEGATIVE_INFINITY;
  let found: OtherCredential | "wait" | undefined;
  for (const { secretArn: otherSecretArn, ...other } of await findOthers(rotation, service, ledger)) {
    const { verdict, versionId } = other;
    const hasMoved = Date.parse(other.currentSince) > beganAt;
    const isUntried = verdict === "unverifiable" || verdict === "unreachable";
    if (verdict === "accepted" || (verdict !== "rejected" && !hasMoved)) continue;
    if (isUntried && mayRedeployUnverified) continue;
    // Of a secret that nobody follows any more, the ledger knows what was.
    const facts = await secrets.describe(otherSecretArn, () => true);
    if (!facts || facts.isWatched === false) continue;
    const isSuperseded = facts.currentVersionId !== undefined && facts.currentVersionId !== versionId;
    if (isSuperseded || verdict === undefined) found ??= "wait";
    else if (verdict === "rejected") return { reason: "other-credential-rejected", otherSecretArn };
    else found = { reason: "other-credential-unverified", otherSecretArn };
  }
  return found;
}

/**
 * The newest rotations of other secrets for which one of these services was not deployed on account of a credential that was
 * not good: this one may have been it.
 *
 * @param hasTime whether there is time for another service
 */
export async function findWithheldFor(
  rotation: RotationKey,
  services: readonly Service[],
  ledger: Pick<Ledger, "findNewest" | "listDecisions">,
  hasTime: () => boolean,
): Promise<RotationRecord[]> {
  const isAbout = new Set(services.map(({ serviceArn }) => serviceArn));
  const looked = new Map<string, RotationRecord | undefined>();
  for (const service of services) {
    if (!hasTime()) break;
    for (const other of await findOthers(rotation, service, ledger)) {
      if (looked.has(other.secretArn)) continue;
      const isWithheld = (await ledger.listDecisions(other)).some(
        ({ serviceArn, decision = "" }) => isAbout.has(serviceArn) && FOR_ANOTHER.has(decision),
      );
      looked.set(other.secretArn, isWithheld ? other : undefined);
    }
  }
  return [...looked.values()].filter((other) => other !== undefined);
}

/** As task definitions may have it: without the six random characters that Secrets Manager adds. */
const withoutSuffix = (secretArn: string) =>
  kindOfSecret(secretArn) === "secrets-manager" ? secretArn.replace(/-[A-Za-z0-9]{6}$/, "") : secretArn;

/** ARNs of what an id may name: a name is of the service's own account and Region, and may be a secret's or a parameter's. */
function fullIdsOf(id: string, serviceArn: string): string[] {
  if (kindOfSecret(id)) return [id];
  const [arn, partition, , region, accountId] = serviceArn.split(":");
  if (arn !== "arn" || id.startsWith("arn:")) return [];
  return [
    `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${id}`,
    `arn:${partition}:ssm:${region}:${accountId}:parameter/${id.replace(/^\//, "")}`,
  ];
}
