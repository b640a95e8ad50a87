import {
  ConfigError,
  DependencyError,
  KeyturnError,
  type SafeDetails,
} from "../../shared/contract/errors.ts";
import { CommandError } from "./command-error.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";

/** A failure as an operator wants to read it. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** Stable; what scripts may branch on. */
  readonly code: string;
  /** What is wrong, and what to do. */
  readonly message: string;
  /** What was under way already, such as the version of a rotation that has begun. */
  readonly details?: SafeDetails;
}

const DENIED = /^(AccessDenied|NotAuthorized|UnauthorizedOperation|AuthorizationError)/;
const BAD_CREDENTIALS =
  /^(CredentialsProviderError|TokenProviderError|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|RequestExpired|MissingAuthenticationToken|IncompleteSignature)/;
const AWAY = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE)$/;
const THROTTLED =
  /^(Throttl|RequestThrottled|RequestLimitExceeded|ProvisionedThroughputExceeded|TooManyRequests|SlowDown|BandwidthLimitExceeded)/;
const NO_TABLE = /requested resource not found/i;

/** Says of any error what was wrong and what to do about it. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommandError) {
    return { exitCode: error.exitCode, code: error.code, message: error.message, details: error.details };
  }
  const { name, code, message, isServersFault } = partsOf(error);
  if (BAD_CREDENTIALS.test(name) || BAD_CREDENTIALS.test(code)) {
    return {
      exitCode: EXIT.notAllowed,
      code: "CREDENTIALS_INVALID",
      message: `AWS does not take the credentials, or there are none: ${firstLine(message)}. Sign in, or choose others with --profile; check this machine's clock.`,
    };
  }
  if (DENIED.test(name) || DENIED.test(code)) {
    return {
      exitCode: EXIT.notAllowed,
      code: "NOT_ALLOWED",
      message: `${firstLine(message)}. Allow that action to whoever is signed in, or sign in as somebody who may: docs/cli.md lists what each command needs.`,
    };
  }
  if (/region is missing/i.test(message)) {
    return {
      exitCode: EXIT.usage,
      code: "REGION_MISSING",
      message: "No Region is set. Give --region, or set AWS_REGION or the profile's region.",
    };
  }
  if (THROTTLED.test(name) || THROTTLED.test(code)) {
    return {
      exitCode: EXIT.notReachable,
      code: "THROTTLED",
      message: `AWS takes no more calls for the moment (${name}): ${firstLine(message)}. Try again in a minute; where it goes on, somebody else uses up the account's rate.`,
    };
  }
  if (AWAY.test(code) || name === "TimeoutError" || isServersFault) {
    return {
      exitCode: EXIT.notReachable,
      code: "NOT_REACHABLE",
      message: `No answer: ${firstLine(message)}. Check the network, --region and AWS_ENDPOINT_URL; with --local, whether npm run local is still up.`,
    };
  }
  if (name === "ResourceNotFoundException" && NO_TABLE.test(message)) {
    return {
      exitCode: EXIT.notFound,
      code: "STAGE_NOT_FOUND",
      message:
        "The ledger of this stage is not there. Check --stage, --region and --profile, or deploy the stage.",
    };
  }
  if (error instanceof ConfigError) return { exitCode: EXIT.usage, code: error.code, message: error.message };
  if (error instanceof DependencyError)
    return { exitCode: EXIT.notReachable, code: error.code, message: error.message };
  if (error instanceof KeyturnError)
    return { exitCode: EXIT.notWell, code: error.code, message: error.message };
  return {
    exitCode: EXIT.fault,
    code: "UNEXPECTED",
    message: `${name === "Error" ? "" : `${name}: `}${firstLine(message)} (--verbose shows where)`,
  };
}

/** Whether the same call may succeed later: it was throttled, or nobody answered. */
export const isPassing = (error: unknown) => describeFailure(error).exitCode === EXIT.notReachable;

interface Parts {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  /** AWS took the call, and failed on it. */
  readonly isServersFault: boolean;
}

/** Of an error of several addresses that were tried, the first has the reason. */
function partsOf(error: unknown): Parts {
  if (error instanceof AggregateError && error.errors.length > 0) return partsOf(error.errors[0]);
  if (!(error instanceof Error)) {
    return { name: "Error", code: "", message: String(error), isServersFault: false };
  }
  const code = "code" in error ? String(error.code) : "";
  const isServersFault = "$fault" in error && error.$fault === "server";
  return { name: error.name, code, message: error.message || code || error.name, isServersFault };
}

/** Without its full stop: the sentence goes on. */
const firstLine = (text: string) => (text.split("\n", 1)[0] ?? "").replace(/\.$/, "");
