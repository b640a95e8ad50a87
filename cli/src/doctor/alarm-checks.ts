import type { AlarmSummary, Alarms } from "../aws/alarms.ts";
import type { Topics } from "../aws/topics.ts";
import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";
import { plural } from "../format/plural.ts";
import { FUNCTIONS, NEEDED_RULES, QUEUES, type StageNames } from "../place/stage-names.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";
import { deployAgain } from "./stage-checks.ts";

/** Alarms that a setting of the stage mutes; anything else was muted by hand. */
const MUTED_BY_SETTING = ["instance-silent", "stale-instances"];
const check = "alarms";

/** Which alarms are on, and whether anybody hears of them. @param topics absent where nobody is meant to be told, as on the local run */
export async function checkAlarms(
  alarms: Alarms,
  names: StageNames,
  topics: Topics | undefined,
): Promise<Finding[]> {
  const isOurs = ownAlarms(names);
  const own = (await alarms.list(`${names.stack}-`)).filter(isOurs);
  if (own.length === 0) return [failed(check, "There are no alarms", deployAgain(names))];
  const findings = [
    ...own
      .filter(({ isInAlarm }) => isInAlarm)
      .map(({ name, description }) =>
        failed(check, `${name} is in alarm: ${description}`, "docs/runbook.md has a section for it."),
      ),
    ...(topics ? [...findMute(own, names), ...(await checkTopics(own, topics))] : []),
  ];
  const isWell = findings.every(({ state }) => state === "ok" || state === "skipped");
  return isWell ? [ok(check, `${own.length} alarms, none in alarm`), ...findings] : findings;
}

/** Another stage may begin with this one's name: its alarms watch its own resources. */
function ownAlarms(names: StageNames): (alarm: AlarmSummary) => boolean {
  const queues = QUEUES.flatMap((queue) => [names.queue(queue), names.deadLetters(queue)]);
  const others = [...NEEDED_RULES.map((rule) => `${names.stack}-${rule}`), ...FUNCTIONS.map(names.function)];
  const watched = new Set([...queues, ...others]);
  return ({ dimensions: { stage, QueueName, FunctionName, RuleName } }) =>
    stage === names.stage || watched.has(QueueName ?? FunctionName ?? RuleName ?? "");
}

function findMute(own: readonly AlarmSummary[], names: StageNames): Finding[] {
  const bySetting = new Set(MUTED_BY_SETTING.map((name) => `${names.stack}-${name}`));
  const muted = own.filter(({ name, isMuted }) => isMuted && !bySetting.has(name)).map(({ name }) => name);
  const without = own.filter(({ tells }) => tells.length === 0);
  return [
    ...(muted.length > 0
      ? [
          attention(
            check,
            `${plural(muted.length, "alarm")} ${muted.length === 1 ? "is" : "are"} muted by hand: ${muted.join(", ")}`,
            `aws cloudwatch enable-alarm-actions --alarm-names ${muted.join(" ")}`,
          ),
        ]
      : []),
    ...(without.length > 0
      ? [attention(check, `${without.length} of ${own.length} alarms tell no topic`, deployAgain(names))]
      : []),
  ];
}

/** Whether anybody hears of what the alarms tell. */
async function checkTopics(own: readonly AlarmSummary[], topics: Topics): Promise<Finding[]> {
  const arns = new Set(own.flatMap(({ tells }) => tells).filter((arn) => arn.split(":")[2] === "sns"));
  return Promise.all([...arns].map((arn) => checkTopic(arn, topics)));
}

async function checkTopic(topicArn: string, topics: Topics): Promise<Finding> {
  const subscribe = `aws sns subscribe --topic-arn ${topicArn} --protocol email --notification-endpoint ADDRESS`;
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
      `Who hears of ${topicArn} may not be asked: aws sns list-subscriptions-by-topic --topic-arn ${topicArn}, as somebody who may`,
    );
  }
}
