// How long functions run and queues wait. `sls` asks by name: ${file(resources/timing.cjs):NAME}.
const { adoptionDeadlineSeconds, restorePrevious } = require("./settings.cjs");

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const LONGEST_TIMEOUT_SECONDS = 900;
/** A queue hides a message for at least so many times its function's timeout: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
const VISIBILITY_FACTOR = 6;
const REDEPLOY_TIMEOUT_SECONDS = 60;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
const MOST_DELIVERIES = 1_000;
/** What messages may be late, from EventBridge and from SQS. */
const MARGIN_SECONDS = 60;
/** For what verify asks of AWS before and after the logins; and for what it asks to move AWSCURRENT back. */
const VERIFY_CALLS_SECONDS = 10;
const RESTORE_CALLS_SECONDS = 10;

function wholeMilliseconds(name, given, least) {
  const ms = Number(given);
  if (!Number.isInteger(ms) || ms < least) {
    throw new Error(`${name} is ${given}; give whole milliseconds from ${least}.`);
  }
  return ms;
}

const loginTimeoutMs = async (resolveVariable) =>
  wholeMilliseconds("loginTimeoutMs", await resolveVariable("param:loginTimeoutMs, 5000"), 1);
const propagationAllowanceMs = async (resolveVariable) =>
  wholeMilliseconds(
    "propagationAllowanceMs",
    await resolveVariable("param:propagationAllowanceMs, 30000"),
    0,
  );

/**
 * The records of a batch wait beside each other: for the allowance, and for a login that begins at its very end. A login may
 * take twice its timeout, to connect and to answer. Before AWSCURRENT moves back, the version before logs in as well.
 */
async function verifyTimeoutSeconds(resolveVariable) {
  const [loginMs, allowanceMs, mayRestore] = [
    await loginTimeoutMs(resolveVariable),
    await propagationAllowanceMs(resolveVariable),
    (await restorePrevious({ resolveVariable })) === "true",
  ];
  const [logins, callsSeconds] = mayRestore
    ? [2, VERIFY_CALLS_SECONDS + RESTORE_CALLS_SECONDS]
    : [1, VERIFY_CALLS_SECONDS];
  const seconds = Math.ceil((allowanceMs + logins * 2 * loginMs) / 1_000) + callsSeconds;
  if (seconds > LONGEST_TIMEOUT_SECONDS) {
    throw new Error(
      `propagationAllowanceMs and loginTimeoutMs make verify run for ${seconds} s; Lambda's longest is ${LONGEST_TIMEOUT_SECONDS} s.`,
    );
  }
  return seconds;
}

module.exports.loginTimeoutMs = ({ resolveVariable }) => loginTimeoutMs(resolveVariable);
module.exports.propagationAllowanceMs = ({ resolveVariable }) => propagationAllowanceMs(resolveVariable);
module.exports.verifyTimeoutSeconds = ({ resolveVariable }) => verifyTimeoutSeconds(resolveVariable);
module.exports.verifyVisibilitySeconds = async ({ resolveVariable }) =>
  VISIBILITY_FACTOR * (await verifyTimeoutSeconds(resolveVariable));

const maxReceiveCount = async (resolveVariable) => {
  const given = await resolveVariable("param:maxReceiveCount, 5");
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1 || count > MOST_DELIVERIES) {
    throw new Error(`maxReceiveCount is ${given}; give a whole number from 1 to ${MOST_DELIVERIES}.`);
  }
  return count;
};

module.exports.maxReceiveCount = ({ resolveVariable }) => maxReceiveCount(resolveVariable);
module.exports.redeployTimeoutSeconds = REDEPLOY_TIMEOUT_SECONDS;

/**
 * A deadline check needs a verdict, and verify's last word comes at the end of its last delivery. Both messages are sent at
 * once, and are delivered as often: redeploy's wait so long between two deliveries that its last one comes after that.
 */
module.exports.redeployVisibilitySeconds = async ({ resolveVariable }) => {
  const [timeout, deadline, deliveries] = [
    await verifyTimeoutSeconds(resolveVariable),
    await adoptionDeadlineSeconds({ resolveVariable }),
    await maxReceiveCount(resolveVariable),
  ];
  const repeats = deliveries - 1;
  const verdictAfter = repeats * VISIBILITY_FACTOR * timeout + timeout + MARGIN_SECONDS;
  if (repeats === 0 && deadline < verdictAfter) {
    throw new Error(
      `maxReceiveCount is 1, so that redeploy asks for the verdict once, after ${deadline} s; verify may take ${verdictAfter} s. Give a maxReceiveCount above 1, or an adoptionDeadlineSeconds of ${verdictAfter} or more.`,
    );
  }
  const usual = VISIBILITY_FACTOR * REDEPLOY_TIMEOUT_SECONDS;
  return repeats === 0 ? usual : Math.max(usual, Math.ceil((verdictAfter - deadline) / repeats));
};
