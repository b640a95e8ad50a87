import * as z from "zod/mini";
import { isDeploymentChange, parseDeploymentChange } from "../../../shared/contract/deployment-change.ts";
import { domainEventDetails, parseDomainEvent } from "../../../shared/contract/domain-event.ts";
import { InvalidMessageError } from "../../../shared/contract/errors.ts";
import { parseJson, parseMessage } from "../../../shared/contract/message.ts";
import { parseReceivedReport } from "../../../shared/contract/received-report.ts";
import { parseReconcileMessage } from "../../../shared/contract/reconcile-message.ts";
import { isCloudTrailEvent, parseRotationAttempt } from "../../../shared/contract/rotation-attempt.ts";
import { parseRotationEvent } from "../../../shared/contract/rotation-event.ts";
import type { DeadLetter } from "../aws/dead-letters.ts";
import type { QueueName } from "../place/stage-names.ts";

/** Why a message was given up, as far as it tells itself. */
export interface DeadLetterReason {
  readonly messageId: string;
  readonly sentAt?: string;
  readonly secretArn?: string;
  readonly versionId?: string;
  readonly reason: string;
  /** False where the handler would refuse it again. */
  readonly canSucceed: boolean;
}

/** What a topic rule's error action sends: https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html */
const RuleFailure = z.object({
  base64OriginalPayload: z.string(),
  failures: z.array(z.object({ failedAction: z.string(), errorMessage: z.string() })),
});

/** What every parser of a queue reads, as far as it says whom it is about. */
interface About {
  readonly secretArn?: string | undefined;
  readonly versionId?: string | undefined;
}

export function explainDeadLetter(queue: QueueName, letter: DeadLetter): DeadLetterReason {
  const { messageId, sentAt, attributes, body } = letter;
  const base = { messageId, ...(sentAt && { sentAt }) };
  try {
    const value = parseJson("Message", body);
    const failure = z.safeParse(RuleFailure, value);
    if (failure.success) {
      const [first] = failure.data.failures;
      const reason = `IoT Core could not send it on: ${first?.errorMessage ?? "no reason given"}. The instance reports again`;
      return { ...base, reason, canSucceed: false };
    }
    const { secretArn, versionId } = readMessage(queue, value);
    const about = { ...(secretArn && { secretArn }), ...(versionId && { versionId }) };
    const { ERROR_CODE: code, ERROR_MESSAGE: text } = attributes;
    const reason = code
      ? `EventBridge could not deliver it: ${code}${text ? `, ${text}` : ""}`
      : "the handler failed on it each time; its log has the reason under this messageId";
    return { ...base, ...about, reason, canSucceed: true };
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    return { ...base, reason: error.message, canSucceed: false };
  }
}

/** As the handler of the queue reads it. @throws InvalidMessageError where that could not */
function readMessage(queue: QueueName, value: unknown): About {
  switch (queue) {
    case "reports":
      return parseReceivedReport(value);
    case "reconcile": {
      const { secretArn, sign } = parseReconcileMessage(value);
      return { secretArn, versionId: sign?.versionId };
    }
    case "measure":
      return isCloudTrailEvent(value) ? parseRotationAttempt(value) : parseDomainEvent(value).detail;
    case "redeploy":
    case "deployments":
      return readRedeployMessage(value);
    default:
      return parseRotationEvent(value);
  }
}

const Typed = z.object({ "detail-type": z.string() });

function readRedeployMessage(value: unknown): About {
  if (isDeploymentChange(value)) {
    parseDeploymentChange(value);
    return {};
  }
  const { "detail-type": type } = parseMessage("Event", Typed, value);
  return Object.hasOwn(domainEventDetails, type) ? parseDomainEvent(value).detail : parseRotationEvent(value);
}
