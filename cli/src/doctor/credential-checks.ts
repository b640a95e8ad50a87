import type { Ledger, RotationView, Verdict } from "../../../shared/aws/ledger.ts";
import type { Account, Vpc } from "../aws/account.ts";
import { secretName } from "../format/names.ts";
import { plural } from "../format/plural.ts";
import type { Stage } from "../place/place.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";

/** The newest version of each secret that the ledger knows and that is not gone. */
export async function readCurrent(
  ledger: Pick<Ledger, "listSecrets" | "readSecret">,
): Promise<RotationView[]> {
  const current: RotationView[] = [];
  for await (const { secretArn, goneSince } of ledger.listSecrets()) {
    if (goneSince !== undefined) continue;
    const secret = await ledger.readSecret(secretArn);
    if (secret.current) current.push(secret.current);
  }
  return current;
}

/** The ledger answers, and what the newest credentials were found to be. */
export function checkCredentials(current: readonly RotationView[], { suggest }: Stage): Finding[] {
  const many = (wanted: Verdict) => current.filter(({ verdict }) => verdict === wanted).length;
  return [
    ok("ledger", `${plural(current.length, "secret")} known by rotations`),
    ...(many("rejected") > 0
      ? [
          failed(
            "credentials in use",
            `The newest versions of ${plural(many("rejected"), "secret")} are refused by the store`,
            `${suggest.keyturn("status")} names them. docs/runbook.md#credential-rejected says what to do.`,
          ),
        ]
      : []),
    ...(many("unverifiable") > 0
      ? [
          attention(
            "credentials in use",
            `The newest versions of ${plural(many("unverifiable"), "secret")} could not be tried`,
            `${suggest.keyturn("status", "SECRET")} says what is missing; docs/verification.md has the tags.`,
          ),
        ]
      : []),
    ...(many("unreachable") > 0
      ? [
          failed(
            "store access",
            `verify could not reach the store of ${plural(many("unreachable"), "secret")}`,
            "Give verify the VPC of the stores: --param vpcSubnetIds=… --param vpcSecurityGroupIds=…, and let its security group in.",
          ),
        ]
      : []),
  ];
}

const MINUTE_MS = 60_000;
/** verify's last delivery of a message is over by then: five, each with a visibility timeout of five minutes. */
const VERDICT_WITHIN_MS = 30 * MINUTE_MS;

/**
 * Where verify runs, and whether it gets to AWS and to the stores from there. Nobody but verify itself can tell the latter: its
 * newest login shows it, and rotations without any verdict speak against it.
 */
export async function checkVerifyNetwork(
  account: Account | undefined,
  current: readonly RotationView[],
  stage: Stage,
  now: Date,
): Promise<Finding[]> {
  const check = "verify's network";
  if (!account) return [skipped(check, "Functions of the local run reach every store on this machine")];
  const { names } = stage;
  const { vpc } = await account.function(names.function("verify"));
  const silentSince = new Date(now.getTime() - VERDICT_WITHIN_MS).toISOString();
  const undecided = current.filter(({ verdict, currentSince }) => !verdict && currentSince < silentSince);
  return [
    ok(check, describeVpc(vpc)),
    ...(undecided.length > 0
      ? [
          failed(
            check,
            `${plural(undecided.length, "secret")} got no verdict within ${VERDICT_WITHIN_MS / MINUTE_MS} minutes, such as ${secretName(undecided[0]?.secretArn ?? "")}`,
            vpc ? remedyInVpc(stage) : `Look at the log of ${names.function("verify")}.`,
          ),
        ]
      : [evidence(check, current, vpc)]),
  ];
}

const describeVpc = (vpc: Vpc | undefined) =>
  vpc
    ? `verify runs in ${vpc.vpcId}, ${vpc.subnetIds.join(", ")}, with ${vpc.securityGroupIds.join(", ")}`
    : "verify runs outside of any VPC; it reaches public stores alone";

/** The newest login that a store answered: on its way verify asked Secrets Manager and DynamoDB too. */
function evidence(check: string, current: readonly RotationView[], vpc: Vpc | undefined): Finding {
  const [newest] = current
    .filter(({ verdict, decidedAt }) => decidedAt && (verdict === "accepted" || verdict === "rejected"))
    .toSorted((a, b) => (b.decidedAt ?? "").localeCompare(a.decidedAt ?? ""));
  if (newest) {
    return ok(check, `A store last answered it at ${newest.decidedAt}, for ${secretName(newest.secretArn)}`);
  }
  return skipped(
    check,
    `No store has answered it yet: whether it gets to one shows at the next rotation${vpc ? `. ${NEEDED_IN_VPC}` : ""}`,
  );
}

const NEEDED_IN_VPC =
  "In a VPC it needs a NAT gateway, or endpoints for secretsmanager, events, rds and dynamodb, and each store's security group has to let it in";

const remedyInVpc = ({ names, suggest }: Stage) =>
  `${NEEDED_IN_VPC} (docs/deploy.md#verify-in-a-vpc). Task timed out in the log of ${names.function("verify")} says that a way is missing; mend it, then ${suggest.keyturn("replay", "verify")}`;
