import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { parseMessage } from "./message.ts";
import { parseReport, type Report } from "./report.ts";
import { topicKey } from "./topics.ts";

/** What the IoT rule adds to a report: the last level of the topic on which it came. */
const Received = z.object({ topicKey: z.string() });

/**
 * Reads a report as it stands in the reports queue. A service may publish on the topics of its own secrets alone, where
 * its policy says so; what it reports must then be about the secret of that topic.
 *
 * @throws InvalidMessageError where it is not a report, or came on the topic of another secret
 */
export function parseReceivedReport(value: unknown): Report {
  const report = parseReport(value);
  const { topicKey: cameOn } = parseMessage("Report from the IoT rule", Received, value);
  const key = topicKey(report.secretArn);
  if (cameOn !== key) {
    throw new InvalidMessageError(
      `Report is about a secret whose topic ends in ${key}, and came on one that ends in ${cameOn}; whoever sent it may not report for that secret`,
      { details: { secretArn: report.secretArn } },
    );
  }
  return report;
}
