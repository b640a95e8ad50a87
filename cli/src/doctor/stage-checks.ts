import type { Account } from "../aws/account.ts";
import type { DeadLetters } from "../aws/dead-letters.ts";
import type { EventRules } from "../aws/event-rules.ts";
import { CommandError } from "../command-error.ts";
import { isPassing } from "../describe-failure.ts";
import { plural } from "../format/plural.ts";
import type { Stage } from "../place/place.ts";
import { FUNCTIONS, HANDLER_OF, QUEUES, ROLES, RULE_QUEUES } from "../place/stage-names.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";

/** Outputs that people and tools go by. */
const OUTPUTS = [
  "SubscriberPolicyArn",
  "OperatorPolicyArn",
  "RotatePolicyArn",
  "AlarmTopicArn",
  "LedgerTableName",
];

export const deployAgain = ({ suggest }: Stage) => `Deploy the stage: ${suggest.deploy()}`;

export async function checkAccount(account: Account | undefined): Promise<Finding[]> {
  if (!account) return [ok("credentials", "The operator of the local run, who may do everything")];
  return [ok("credentials", `Signed in as ${await account.caller()}`)];
}

export async function checkStack(account: Account | undefined, stage: Stage): Promise<Finding[]> {
  const { names } = stage;
  const check = "stack";
  if (!account) return [skipped(check, "The local run has no CloudFormation")];
  const stack = await account.stack(names.stack);
  if (!stack) return [failed(check, `There is no stack ${names.stack}`, deployAgain(stage))];
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
    ? [attention(check, `${names.stack} lacks the outputs ${missing.join(", ")}`, deployAgain(stage))]
    : [ok(check, `${names.stack} is ${status}`)];
}

const putBack =
  "Put the target back by hand, as resources/rules.yml has it: a deployment leaves alone what its template has not changed.";

export async function checkRules(rules: EventRules, stage: Stage): Promise<Finding[]> {
  const check = "event rules";
  const { names, suggest } = stage;
  const found = new Map((await rules.list(`${names.stack}-`)).map((rule) => [rule.name, rule]));
  const findings: Finding[] = [];
  // By their names alone: another stage may begin with this one's name, and its rules feed its own queues.
  for (const [own, queues] of Object.entries(RULE_QUEUES)) {
    const name = `${names.stack}-${own}`;
    const rule = found.get(name);
    if (!rule) {
      findings.push(failed(check, `There is no rule ${name}`, deployAgain(stage)));
      continue;
    }
    if (!rule.isEnabled) {
      const enable = suggest.aws("events", "enable-rule", "--name", name);
      findings.push(failed(check, `${name} is disabled: its events go nowhere`, enable));
    }
    const fed = new Set(rule.targets.map(({ arn }) => arn.split(":").at(-1)));
    for (const queue of queues.map((one) => names.queue(one)).filter((one) => !fed.has(one))) {
      findings.push(failed(check, `${name} does not feed ${queue}`, putBack));
    }
    if (rule.targets.some(({ hasDeadLetters }) => !hasDeadLetters)) {
      findings.push(attention(check, `${name} has a target without a dead-letter queue`, putBack));
    }
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${Object.keys(RULE_QUEUES).length} rules are enabled, each with its targets`)];
}

export async function checkQueues(deadLetters: Pick<DeadLetters, "depth">, stage: Stage): Promise<Finding[]> {
  const check = "queues";
  const { names, suggest } = stage;
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
            deployAgain(stage),
          ),
        );
      }
      if (depth.deadLetters > 0) {
        findings.push(
          failed(
            "dead letters",
            `${depth.deadLetters} in ${names.deadLetters(queue)}`,
            `${suggest.keyturn("replay", queue, "--dry-run")} says why; without --dry-run it sends them back.`,
          ),
        );
      }
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      findings.push(failed(check, error.message, deployAgain(stage)));
    }
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${QUEUES.length} queues, ${plural(messages, "message")} under way, no dead letters`)];
}

export async function checkFunctions(account: Account | undefined, stage: Stage): Promise<Finding[]> {
  const { names, suggest } = stage;
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
          `${suggest.aws("lambda", "list-event-source-mappings", "--function-name", name)} shows it; ${suggest.aws("lambda", "update-event-source-mapping", "--enabled", "--uuid", "UUID")} turns it on.`,
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
export async function checkRoles(account: Account | undefined, stage: Stage): Promise<Finding[]> {
  const { names, suggest } = stage;
  const check = "functions' permissions";
  if (!account) return [skipped(check, "The local run enforces the template's roles at each call")];
  const drifts: { readonly role: string; readonly drift: string }[] = [];
  // One after the other: CloudFormation takes few such calls at a time.
  for (const role of ROLES) drifts.push({ role, drift: await askDrift(account, names.stack, role) });
  const byState = ["--stack-resource-drift-status-filters", "MODIFIED", "DELETED"];
  const ofStack = ["--stack-name", names.stack, ...byState];
  const showDrifts = suggest.aws("cloudformation", "describe-stack-resource-drifts", ...ofStack);
  const changed = drifts.filter(({ drift }) => drift === "MODIFIED" || drift === "DELETED");
  const untold = drifts.filter(({ drift }) => !["IN_SYNC", "MODIFIED", "DELETED"].includes(drift));
  return [
    ...changed.map(({ role, drift }) =>
      attention(
        check,
        `${role} of ${names.stack} is not what was deployed: ${drift}`,
        `${showDrifts} shows the difference. Put it back by hand: a deployment leaves alone what its template has not changed.`,
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

/** @returns CloudFormation's word, or that it could not be asked now: that says nothing of the role */
async function askDrift(account: Account, stackName: string, role: string): Promise<string> {
  try {
    return await account.drift(stackName, role);
  } catch (error) {
    if (!isPassing(error)) throw error;
    return "unknown";
  }
}
