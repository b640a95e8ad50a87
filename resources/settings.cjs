// Settings that need more than a default. `sls` asks for them by name: ${file(resources/settings.cjs):NAME}.

/** SQS's longest delay: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html */
const LONGEST_DELAY_SECONDS = 900;

/** Checked here: CloudFormation would only notice in the middle of a deployment. */
module.exports.adoptionDeadlineSeconds = async ({ resolveVariable }) => {
  const given = await resolveVariable("param:adoptionDeadlineSeconds, 60");
  const seconds = Number(given);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > LONGEST_DELAY_SECONDS) {
    throw new Error(
      `adoptionDeadlineSeconds is ${given}; give whole seconds from 0 to ${LONGEST_DELAY_SECONDS}, the longest delay of an SQS queue.`,
    );
  }
  return seconds;
};

/** What alarms tell: the topic that is given, or nobody. */
module.exports.alarmActions = async ({ resolveVariable }) => {
  const topicArn = await resolveVariable("param:alarmTopicArn, ''");
  return topicArn ? [topicArn] : [];
};
