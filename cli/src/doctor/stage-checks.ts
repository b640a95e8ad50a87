import type { Ledger } from "../../../shared/aws/ledger.ts";
import type { Account } from "../aws/account.ts";
import type { Alarms } from "../aws/alarms.ts";
import type { DeadLetters } from "../aws/dead-letters.ts";
import type { EventRules } from "../aws/event-rules.ts";
import { CommandError } from "../command-error.ts";
import { plural } from "../format/plural.ts";
import { NEEDED_RULES, QUEUES, type StageNames } from "../place/stage-names.ts";
import { attention, type Finding, failed, ok, skipped } from "./finding.ts";

const deployAgain = ({ stage }: StageNames) => `Deploy the stage: npm run -s sls -- deploy --stage ${stage}.`;

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
  const missing = ["SubscriberPolicyArn", "LedgerTableName"].filter((name) => !outputs.includes(name));
  return missing.length > 0
    ? [attention(check, `${names.stack} lacks the outputs ${missing.join(", ")}`, deployAgain(names))]
    : [ok(check, `${names.stack} is ${status}`)];
}

/** The ledger answers, and what the newest credentials were found to be. */
export async function checkLedger(ledger: Pick<Ledger, "listSecrets" | "readSecret">): Promise<Finding[]> {
  let count = 0;
  const verdicts = new Map<string, number>();
  for await (const { secretArn } of ledger.listSecrets()) {
    count += 1;
    const { current } = await ledger.readSecret(secretArn);
    if (current?.verdict) verdicts.set(current.verdict, (verdicts.get(current.verdict) ?? 0) + 1);
  }
  const many = (verdict: string) => verdicts.get(verdict) ?? 0;
  return [
    ok("ledger", `${plural(count, "secret")} known by rotations`),
    ...(many("rejected") > 0
      ? [
          failed(
            "credentials in use",
            `The newest versions of ${plural(many("rejected"), "secret")} are refused by the store`,
            "keyturn status names them. Move AWSCURRENT back, or find out why and rotate again.",
          ),
        ]
      : []),
    ...(many("unverifiable") > 0
      ? [
          attention(
            "credentials in use",
            `The newest versions of ${plural(many("unverifiable"), "secret")} could not be tried`,
            "keyturn history SECRET says what is missing; docs/verification.md has the tags.",
          ),
        ]
      : []),
    ...(many("unreachable") > 0
      ? [
          failed(
            "store access",
            `verify could not reach the store of ${plural(many("unreachable"), "secret")}`,
            "Give verify the VPC of the stores: --param vpcSubnetIds=… --param vpcSecurityGroupIds=…, and let its security group in.",
          ),
        ]
      : []),
  ];
}

export async function checkVerify(account: Account | undefined, names: StageNames): Promise<Finding[]> {
  const check = "verify's network";
  if (!account) return [skipped(check, "Functions of the local run reach every store on this machine")];
  const { vpcId } = await account.function(names.function("verify"));
  return [
    vpcId
      ? ok(check, `verify runs in ${vpcId}`)
      : ok(check, "verify runs outside of any VPC; it reaches public stores alone"),
  ];
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
  const functions = ["notify", "verify", "acknowledge", "redeploy", "measure", "reconcile"];
  const findings: Finding[] = [];
  for (const name of functions.map((one) => names.function(one))) {
    const { isFed } = await account.function(name);
    if (!isFed) {
      findings.push(
        failed(
          check,
          `${name} takes no messages: its event source mapping is not enabled`,
          deployAgain(names),
        ),
      );
    }
  }
  return findings.length > 0 ? findings : [ok(check, `${functions.length} functions take messages`)];
}

/** @param isTold false where nobody is meant to be told, as on the local run */
export async function checkAlarms(alarms: Alarms, names: StageNames, isTold: boolean): Promise<Finding[]> {
  const check = "alarms";
  const own = await alarms.list(`${names.stack}-`);
  if (own.length === 0) return [failed(check, "There are no alarms", deployAgain(names))];
  const mute = own.filter(({ hasActions }) => !hasActions);
  const findings = [
    ...own
      .filter(({ isInAlarm }) => isInAlarm)
      .map(({ name, description }) =>
        failed(check, `${name} is in alarm: ${description}`, "docs/runbook.md has a section for it."),
      ),
    ...(isTold && mute.length > 0
      ? [
          attention(
            check,
            `${mute.length} of ${own.length} alarms tell nobody`,
            `Deploy with an SNS topic: npm run -s sls -- deploy --stage ${names.stage} --param "alarmTopicArn=ARN".`,
          ),
        ]
      : []),
  ];
  return findings.length > 0 ? findings : [ok(check, `${own.length} alarms, none in alarm`)];
}
