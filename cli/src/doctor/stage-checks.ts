import type { Account } from "../aws/account.ts";
import type { DeadLetters } from "../aws/dead-letters.ts";
import type { EventRules } from "../aws/event-rules.ts";
import { CommandError } from "../command-error.ts";
import { plural } from "../format/plural.ts";
import { FUNCTIONS, HANDLER_OF, NEEDED_RULES, QUEUES, ROLES, type StageNames } from "../place/stage-names.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";

/** Outputs that people and tools go by. */
const OUTPUTS = [
  "SubscriberPolicyArn",
  "OperatorPolicyArn",
  "RotatePolicyArn",
  "AlarmTopicArn",
  "LedgerTableName",
];

export const deployAgain = ({ stage }: StageNames) =>
  `Deploy the stage: npm run -s sls -- deploy --stage ${stage}.`;

export async function checkAccount(account: Account | undefined): Promise<Finding[]> {
  if (!account) return [ok("credentials", "The operator of the local run, who may do everything")];
  return [ok("credentials", `Signed in as ${await account.caller()}`)];
}

export async function checkStack(account: Account | undefined, names: StageNames): Promise<Finding[]> {
  const check = "stack";
  if (!account) return [skipped(check, "The local run has no CloudFormation")];
  const stack = await account.stack(names.stack);
  if (!stack) return [failed(check, `There is no stack ${names.stack}`, deployAgain(names))];
  const { status, outputs } = stack;
  if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)) {
    return [
      attention(
        check,
        `${names.stack} is ${status}`,
        "Look at the stack's events in CloudFormation; when it has settled, deploy again.",
      ),
    ];
  }
  const missing = OUTPUTS.filter((name) => !outputs.includes(name));
  return missing.length > 0
    ? [attention(check, `${names.stack} lacks the outputs ${missing.join(", ")}`, deployAgain(names))]
    : [ok(check, `${names.stack} is ${status}`)];
}

export async function checkRules(rules: EventRules, names: StageNames): Promise<Finding[]> {
  const check = "event rules";
  const queues = new Set(QUEUES.map((queue) => names.queue(queue)));
  const isOurs = (arn: string) => queues.has(arn.split(":").at(-1) ?? "");
  const found = await rules.list(`${names.stack}-`);
  // Another stage may begin with this one's name: its rules feed its own queues.
  const own = found.filter(({ targets }) => targets.length === 0 || targets.some(({ arn }) => isOurs(arn)));
  const findings: Finding[] = [];
  for (const rule of NEEDED_RULES.map((name) => `${names.stack}-${name}`)) {
    if (!own.some(({ name }) => name === rule)) {
      findings.push(failed(check, `There is no rule ${rule}`, deployAgain(names)));
    }
  }
  for (const { name, isEnabled, targets } of own) {
    if (!isEnabled) {
      findings.push(
        failed(check, `${name} is disabled: its events go nowhere`, `aws events enable-rule --name ${name}`),
      );
    }
    if (targets.length === 0) findings.push(failed(check, `${name} has no target`, deployAgain(names)));
    if (targets.some(({ hasDeadLetters }) => !hasDeadLetters)) {
      findings.push(attention(check, `${name} has a target without a dead-letter queue`, deployAgain(names)));
    }
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${own.length} rules are enabled, each with its targets`)];
}

export async function checkQueues(
  deadLetters: Pick<DeadLetters, "depth">,
  names: StageNames,
): Promise<Finding[]> {
  const check = "queues";
  const findings: Finding[] = [];
  let messages = 0;
  for (const queue of QUEUES) {
    try {
      const depth = await deadLetters.depth(queue);
      messages += depth.messages;
      if (!depth.isRedriven) {
        findings.push(
          failed(
            check,
            `${names.queue(queue)} has no dead-letter queue: what fails is repeated for ever`,
            deployAgain(names),
          ),
        );
      }
      if (depth.deadLetters > 0) {
        findings.push(
          failed(
            "dead letters",
            `${depth.deadLetters} in ${names.deadLetters(queue)}`,
            `keyturn replay ${queue} --dry-run says why; without --dry-run it sends them back.`,
          ),
        );
      }
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      findings.push(failed(check, error.message, deployAgain(names)));
    }
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${QUEUES.length} queues, ${plural(messages, "message")} under way, no dead letters`)];
}

export async function checkFunctions(account: Account | undefined, names: StageNames): Promise<Finding[]> {
  const check = "functions";
  if (!account)
    return [skipped(check, "The local run has no Lambda API; the event below passes through one")];
  const findings: Finding[] = [];
  for (const handler of FUNCTIONS) {
    const name = names.function(handler);
    const { fedBy, trouble } = await account.function(name);
    if (trouble) {
      findings.push(failed(check, `Lambda cannot run ${name}: ${trouble}`, "Mend that, and deploy again."));
    }
    const queues = QUEUES.filter((queue) => HANDLER_OF[queue] === handler).map((queue) => names.queue(queue));
    for (const queue of queues.filter((one) => !fedBy.includes(one))) {
      findings.push(
        failed(
          check,
          `${name} takes no messages from ${queue}: its event source mapping is not enabled`,
          `aws lambda list-event-source-mappings --function-name ${name} shows it; aws lambda update-event-source-mapping --enabled --uuid UUID turns it on.`,
        ),
      );
    }
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${FUNCTIONS.length} functions take messages from ${QUEUES.length} queues`)];
}

/**
 * That the template's roles suffice, tests show; whether these are still the template's, CloudFormation tells. What an
 * organization's or a key's policy forbids besides shows in use alone.
 */
export async function checkRoles(account: Account | undefined, names: StageNames): Promise<Finding[]> {
  const check = "functions' permissions";
  if (!account) return [skipped(check, "The local run enforces the template's roles at each call")];
  const drifts = await Promise.all(
    ROLES.map(async (role) => ({ role, drift: await account.drift(names.stack, role) })),
  );
  const changed = drifts.filter(({ drift }) => drift === "MODIFIED" || drift === "DELETED");
  const untold = drifts.filter(({ drift }) => !["IN_SYNC", "MODIFIED", "DELETED"].includes(drift));
  return [
    ...changed.map(({ role, drift }) =>
      attention(
        check,
        `${role} of ${names.stack} is not what was deployed: ${drift}`,
        `aws cloudformation describe-stack-resource-drifts --stack-name ${names.stack} --stack-resource-drift-status-filters MODIFIED DELETED shows the difference. Put it back by hand: a deployment leaves alone what its template has not changed.`,
      ),
    ),
    ...(untold.length > 0
      ? [skipped(check, `CloudFormation does not tell of ${untold.map(({ role }) => role).join(", ")}`)]
      : []),
    ...(changed.length + untold.length === 0
      ? [ok(check, `${ROLES.length} roles are as they were deployed`)]
      : []),
  ];
}
