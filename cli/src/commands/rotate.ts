import type { Ledger } from "../../../shared/aws/ledger.ts";
import { kindOfSecret } from "../../../shared/contract/secret-id.ts";
import type { Redacted } from "../../../shared/engines/redacted.ts";
import type { SecretDirectory, SecretSummary } from "../aws/secrets.ts";
import { CommandError } from "../command-error.ts";
import { describeFailure } from "../describe-failure.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { secretName } from "../format/names.ts";
import { formatReason } from "../format/reasons.ts";
import { formatDuration } from "../format/time.ts";
import type { StageNames } from "../place/stage-names.ts";
import { describeAdopted } from "./describe-progress.ts";
import { findSecret } from "./find-secret.ts";
import { type FollowOptions, type FollowPorts, followAdoption } from "./follow-adoption.ts";
import { type Adoption, countAdopted, readAdoption } from "./read-adoption.ts";
import type { Say } from "./say.ts";
import { toDocument } from "./status.ts";

export interface RotatePorts extends FollowPorts {
  readonly ledger: Pick<Ledger, "readSecret" | "listSecrets" | "readHistory">;
  readonly secrets: SecretDirectory;
  readonly names: Pick<StageNames, "stage">;
}

export interface RotateOptions {
  readonly secretId: string;
  /** A value that the store takes already; the secret's rotation function makes one unless given. */
  readonly value?: Redacted | undefined;
  /** Rotates although an instance is still behind. */
  readonly force?: boolean | undefined;
  /** Follows adoption to its end. */
  readonly wait?: Pick<FollowOptions, "timeoutMs" | "intervalMs"> | undefined;
}

/** Rotates one secret. @returns 1 where it was refused, or did not come to a good end in time */
export async function rotateSecret(options: RotateOptions, ports: RotatePorts, say: Say): Promise<ExitCode> {
  const { value, force = false, wait } = options;
  const secret = await findSecret(options.secretId, ports);
  const { secretArn } = secret;
  const name = secretName(secretArn);
  requireRotatable(secret, name, value !== undefined, ports);
  if (!force) await requireSafe(secret, name, ports);

  const startedAt = ports.now();
  const versionId = await (value ? ports.secrets.put(secretArn, value) : ports.secrets.rotate(secretArn));
  if (!wait) {
    say.result({ secretArn, name, versionId }, () => [
      `${name} is being rotated to version ${versionId}. ${ports.suggest.keyturn("status", name)} shows who runs on it.`,
    ]);
    return EXIT.ok;
  }
  say.note(`Rotating ${name} to version ${versionId}; Ctrl-C ends the waiting, not the rotation`);
  const begun = { secretArn, versionId };
  const { adoption, outcome, explanation } = await followAdoption(
    { ...begun, startedAt, ...wait },
    ports,
    say,
  ).catch((cause) => {
    throw asBegun(cause, begun, ports);
  });
  const tookMs = ports.now().getTime() - startedAt.getTime();
  const isWell = outcome === "settled" && adoption.reasons.length === 0;
  say.result({ ...toDocument(adoption), isWell, outcome, explanation, tookMs }, () =>
    formatEnd(adoption, { name, isWell, tookMs, explanation }),
  );
  return isWell ? EXIT.ok : EXIT.notWell;
}

/** Whatever failed, the rotation goes on: who reads of it needs to know of which version. */
function asBegun(
  cause: unknown,
  { secretArn, versionId }: { readonly secretArn: string; readonly versionId: string },
  { suggest }: RotatePorts,
): CommandError {
  const { code, exitCode, message } = describeFailure(cause);
  const name = secretName(secretArn);
  return new CommandError(
    code,
    exitCode,
    `${name} is being rotated to version ${versionId} all the same, but it cannot be followed. ${message} Then ${suggest.keyturn("status", name)} shows who runs on it.`,
    { cause, details: { secretArn, versionId } },
  );
}

function requireRotatable(
  { secretArn, canRotate }: SecretSummary,
  name: string,
  hasValue: boolean,
  { suggest }: RotatePorts,
): void {
  if (kindOfSecret(secretArn) !== "secrets-manager") {
    throw new CommandError(
      "NOT_IN_SECRETS_MANAGER",
      EXIT.usage,
      `${name} is not kept in Secrets Manager. Rotate it where it is kept; docs/sources.md has the event that tells Keyturn.`,
    );
  }
  if (canRotate || hasValue) return;
  throw new CommandError(
    "NO_ROTATION_FUNCTION",
    EXIT.usage,
    `${name} has no rotation function, so that Secrets Manager cannot rotate it. Give it one (aws secretsmanager rotate-secret --rotation-lambda-arn ARN), or, for a master password, let RDS manage it. Or change the credential in the store yourself, and hand in the new value: ${suggest.keyturn("rotate", name, "--value-file", "FILE")}`,
  );
}

async function requireSafe(secret: SecretSummary, name: string, ports: RotatePorts): Promise<void> {
  const { reasons, view } = await readAdoption(secret.secretArn, secret.currentVersionId, ports);
  if (view.rotations.length === 0 && view.instances.length === 0) {
    const { names } = ports;
    throw new CommandError(
      "SECRET_NOT_KNOWN",
      EXIT.notWell,
      `${name} is not rotated: the ledger of stage ${names.stage} knows of no rotation of it, and of no instance. Is it another stage's? Give --stage then. If this is its first rotation, and nobody who uses it reports, rotate it with --force.`,
    );
  }
  if (reasons.length === 0) return;
  const why = reasons.map((reason) => `\n  ${formatReason(reason)}`).join("");
  throw new CommandError(
    "NOT_SAFE_TO_ROTATE",
    EXIT.notWell,
    `${name} is not rotated, since the last rotation is not over:${why}\nMend that first, or rotate all the same with --force.`,
  );
}

interface End {
  readonly name: string;
  readonly isWell: boolean;
  readonly tookMs: number;
  readonly explanation: string | undefined;
}

function formatEnd(adoption: Adoption, { name, isWell, tookMs, explanation }: End): string[] {
  const { living } = countAdopted(adoption);
  const { versionId, reasons } = adoption;
  const who = living === 0 ? "no instance reported" : describeAdopted(adoption, "it");
  const took = formatDuration(tookMs);
  if (isWell) return [`${name} is on version ${versionId}: ${who}; its login succeeded (${took}).`];
  return [
    `${name} did not come to a good end with version ${versionId}: ${who} (${took}).`,
    ...reasons.map((reason) => `  ${formatReason(reason)}`),
    ...(explanation ? [`  ${explanation}`] : []),
  ];
}
