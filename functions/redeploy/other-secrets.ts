import type { ServiceUsingSecret } from "../../shared/aws/ecs-services.ts";
import type { Ledger, RotationKey, RotationRecord } from "../../shared/aws/ledger.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import { kindOfSecret } from "../../shared/contract/secret-id.ts";

/** Why a service is not deployed for one secret on account of another. */
export interface OtherCredential {
  readonly reason: "other-credential-rejected";
  readonly otherSecretArn: string;
}

/** What there is to say of another secret; undefined where it is gone. */
export type DescribeOther = (secretArn: string) => Promise<SecretFacts | undefined>;

type Service = Pick<ServiceUsingSecret, "serviceArn" | "secretIds" | "primaryDeployment">;

/** Asks once for each secret, as long as one round of a check lives: many services may use it. */
export function createDescribeOther(secrets: Pick<Secrets, "describe">): DescribeOther {
  const asked = new Map<string, ReturnType<DescribeOther>>();
  return (secretArn) => {
    const facts = asked.get(secretArn) ?? secrets.describe(secretArn, () => true);
    asked.set(secretArn, facts);
    return facts;
  };
}

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
 * One that is refused would break all of them. One that could not be tried stands against nothing: whoever adds a task, or
 * replaces one that died, starts with it as well, and of some secrets nobody will ever know more.
 *
 * @returns "wait" where there is no verdict yet on what the service's tasks do not run with; undefined where nothing stands
 * against it
 */
export async function lookAtOthers(
  rotation: RotationKey,
  service: Service,
  ledger: Pick<Ledger, "findNewest">,
  describeOther: DescribeOther,
): Promise<OtherCredential | "wait" | undefined> {
  const beganAt = service.primaryDeployment?.createdAt.getTime() ?? Number.NEGATIVE_INFINITY;
  let found: "wait" | undefined;
  for (const other of await findOthers(rotation, service, ledger)) {
    const { secretArn: otherSecretArn, verdict, versionId } = other;
    // Whatever the verdict: the ledger knows what was, also of a secret that nobody follows any more.
    const facts = await describeOther(otherSecretArn);
    if (!facts || facts.isWatched === false) continue;
    const isSuperseded = facts.currentVersionId !== undefined && facts.currentVersionId !== versionId;
    const hasMoved = Date.parse(other.currentSince) > beganAt;
    if (isSuperseded || (verdict === undefined && hasMoved)) found = "wait";
    else if (verdict === "rejected") return { reason: "other-credential-rejected", otherSecretArn };
  }
  return found;
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
