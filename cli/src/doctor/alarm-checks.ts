import type { AlarmSummary, Alarms } from "../aws/alarms.ts";
import type { Topics } from "../aws/topics.ts";
import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";
import { plural } from "../format/plural.ts";
import type { Stage } from "../place/place.ts";
import { FUNCTIONS, QUEUES, RULE_QUEUES, type StageNames } from "../place/stage-names.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";
import { deployAgain } from "./stage-checks.ts";

/** Alarms that a setting of the stage mutes; anything else was muted by hand. */
const MUTED_BY_SETTING = ["instance-silent", "stale-instances"];
const check = "alarms";

/** Which alarms are on, and whether anybody hears of them. @param topics absent where nobody is meant to be told, as on the local run */
export async function checkAlarms(
  alarms: Alarms,
  stage: Stage,
  topics: Topics | undefined,
): Promise<Finding[]> {
  const { names } = stage;
  const isOurs = ownAlarms(names);
  const own = (await alarms.list(`${names.stack}-`)).filter(isOurs);
  if (own.length === 0) return [failed(check, "There are no alarms", deployAgain(stage))];
  const findings = [
    ...own
      .filter(({ isInAlarm }) => isInAlarm)
      .map(({ name, description }) =>
        failed(check, `${name} is in alarm: ${description}`, "docs/runbook.md has a section for it."),
      ),
    ...(topics ? [...findMute(own, stage), ...(await checkTopics(own, topics, stage))] : []),
  ];
  const isWell = findings.every(({ state }) => state === "ok" || state === "skipped");
  return isWell ? [ok(check, `${own.length} alarms, none in alarm`), ...findings] : findings;
}

/** Another stage may begin with this one's name: its alarms watch its own resources. */
function ownAlarms(names: StageNames): (alarm: AlarmSummary) => boolean {
  const queues = QUEUES.flatMap((queue) => [names.queue(queue), names.deadLetters(queue)]);
  const others = [
    ...Object.keys(RULE_QUEUES).map((rule) => `${names.stack}-${rule}`),
    ...FUNCTIONS.map(names.function),
  ];
  const watched = new Set([...queues, ...others]);
  return ({ dimensions: { stage, QueueName, FunctionName, RuleName } }) =>
    stage === names.stage || watched.has(QueueName ?? FunctionName ?? RuleName ?? "");
}

function findMute(own: readonly AlarmSummary[], stage: Stage): Finding[] {
  const { names, suggest } = stage;
  const bySetting = new Set(MUTED_BY_SETTING.map((name) => `${names.stack}-${name}`));
  const muted = own.filter(({ name, isMuted }) => isMuted && !bySetting.has(name)).map(({ name }) => name);
  const without = own.filter(({ tells }) => tells.length === 0);
  return [
    ...(muted.length > 0
      ? [
          attention(
            check,
            `${plural(muted.length, "alarm")} ${muted.length === 1 ? "is" : "are"} muted by hand: ${muted.join(", ")}`,
            suggest.aws("cloudwatch", "enable-alarm-actions", "--alarm-names", ...muted),
          ),
        ]
      : []),
    ...(without.length > 0
      ? [attention(check, `${without.length} of ${own.length} alarms tell no topic`, deployAgain(stage))]
      : []),
  ];
}

/** Whether anybody hears of what the alarms tell. */
async function checkTopics(own: readonly AlarmSummary[], topics: Topics, stage: Stage): Promise<Finding[]> {
  const arns = new Set(own.flatMap(({ tells }) => tells).filter((arn) => arn.split(":")[2] === "sns"));
  return Promise.all([...arns].map((arn) => checkTopic(arn, topics, stage)));
}

async function checkTopic(topicArn: string, topics: Topics, { suggest }: Stage): Promise<Finding> {
  const ofTopic = ["--topic-arn", topicArn];
  const byMail = [...ofTopic, "--protocol", "email", "--notification-endpoint", "ADDRESS"];
  const subscribe = suggest.aws("sns", "subscribe", ...byMail);
  try {
    const found = await topics.subscriptions(topicArn);
    if (!found)
      return failed(
        check,
        `The alarms tell ${topicArn}, which is not there`,
        "Give an alarmTopicArn that is.",
      );
    const { confirmed, pending } = found;
    if (confirmed > 0) return ok(check, `${plural(confirmed, "subscription")} to ${topicArn}`);
    return pending > 0
      ? attention(
          check,
          `Nobody hears of alarms: ${plural(pending, "subscription")} to ${topicArn} ${pending === 1 ? "waits" : "wait"} to be confirmed`,
          `Follow the link in the mail that SNS sent; after three days it is void: ${subscribe}`,
        )
      : attention(check, `Nobody hears of alarms: ${topicArn} has no subscription`, subscribe);
  } catch (error) {
    // A topic of one's own may be another team's.
    if (describeFailure(error).exitCode !== EXIT.notAllowed) throw error;
    return skipped(
      check,
      `Who hears of ${topicArn} may not be asked: ${suggest.aws("sns", "list-subscriptions-by-topic", ...ofTopic)}, as somebody who may`,
    );
  }
}
