import * as z from "zod/mini";
import { parseTopicSql, select } from "./iot-topic-sql.ts";

const Flag = z.union([z.boolean(), z.enum(["true", "false"])]);
const Action = z.strictObject({
  Sqs: z.strictObject({ QueueUrl: z.string(), RoleArn: z.string(), UseBase64: z.optional(Flag) }),
});

/** The properties of an `AWS::IoT::TopicRule` that the local run gives effect to; any other is refused. */
export const TopicRuleProperties = z.strictObject({
  RuleName: z.string().check(z.regex(/^[a-zA-Z0-9_]+$/, "takes letters, digits and underscores only")),
  TopicRulePayload: z.strictObject({
    Sql: z.string(),
    AwsIotSqlVersion: z.optional(z.string()),
    Description: z.optional(z.string()),
    RuleDisabled: z.optional(Flag),
    Actions: z.array(Action).check(z.minLength(1), z.maxLength(10)),
    ErrorAction: z.optional(Action),
  }),
  Tags: z.optional(z.array(z.unknown())),
});
export type TopicRuleProperties = z.infer<typeof TopicRuleProperties>;

export interface TopicRulePorts {
  /** Under the action's role. */
  readonly sendMessage: (queueUrl: string, body: string, roleArn: string) => Promise<void>;
  readonly log: (message: string) => void;
}

/**
 * An IoT rule: hand it every message that is published, and it sends those that its SQL selects to its queues. An
 * action that fails is logged, and told to the error action where there is one; it does not fail the publisher.
 *
 * @throws TemplateError for SQL beyond {@link parseTopicSql}
 */
export function createTopicRule(
  { RuleName, TopicRulePayload: payload }: TopicRuleProperties,
  { sendMessage, log }: TopicRulePorts,
): (topic: string, message: Uint8Array) => Promise<void> {
  const sql = parseTopicSql(RuleName, payload.Sql);
  const isDisabled = isSet(payload.RuleDisabled);

  async function act(
    { Sqs: { QueueUrl, RoleArn, UseBase64 } }: z.infer<typeof Action>,
    body: Buffer,
  ): Promise<void> {
    await sendMessage(QueueUrl, body.toString(isSet(UseBase64) ? "base64" : "utf8"), RoleArn);
  }

  return async (topic, message) => {
    if (isDisabled || !matchesTopic(sql.filter, topic)) return;
    const original = Buffer.from(message);
    const selected = select(sql, topic, original);
    if (selected === undefined) return;
    const failures: { failedAction: string; failedResource: string; errorMessage: string }[] = [];
    for (const action of payload.Actions) {
      try {
        if (selected instanceof Error) throw selected;
        await act(action, selected);
      } catch (error) {
        const errorMessage = error instanceof Error ? error.message : String(error);
        failures.push({ failedAction: "SqsAction", failedResource: action.Sqs.QueueUrl, errorMessage });
        log(`IoT rule ${RuleName}: message to ${action.Sqs.QueueUrl} failed: ${errorMessage}`);
      }
    }
    if (failures.length === 0 || !payload.ErrorAction) return;
    // https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    const report = {
      ruleName: RuleName,
      topic,
      base64OriginalPayload: original.toString("base64"),
      failures,
    };
    await act(payload.ErrorAction, Buffer.from(JSON.stringify(report))).catch((error: unknown) => {
      log(
        `IoT rule ${RuleName}: error action failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  };
}

/** MQTT 3.1.1, section 4.7: `+` is one level, `#` the rest with its parent; neither matches a topic that begins with `$`. */
export function matchesTopic(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const given = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= given.length || (level !== "+" && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

function isSet(flag: boolean | "true" | "false" | undefined): boolean {
  return flag === true || flag === "true";
}
