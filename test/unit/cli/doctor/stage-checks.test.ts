import { expect, test } from "vitest";
import type { Account } from "../../../../cli/src/aws/account.ts";
import type { DeadLetters } from "../../../../cli/src/aws/dead-letters.ts";
import type { RuleSummary } from "../../../../cli/src/aws/event-rules.ts";
import { CommandError } from "../../../../cli/src/command-error.ts";
import { checkDelivery } from "../../../../cli/src/doctor/delivery-checks.ts";
import { runCheck } from "../../../../cli/src/doctor/finding.ts";
import {
  checkFunctions,
  checkQueues,
  checkRoles,
  checkRules,
  checkStack,
} from "../../../../cli/src/doctor/stage-checks.ts";
import { EXIT } from "../../../../cli/src/exit-code.ts";
import { HANDLER_OF, QUEUES, type QueueName, RULE_QUEUES } from "../../../../cli/src/place/stage-names.ts";
import { NOW, STAGE } from "../fixtures.ts";

const { names } = STAGE;
const target = (queue: QueueName) => ({
  arn: `arn:aws:sqs:us-east-1:000000000000:${names.queue(queue)}`,
  hasDeadLetters: true,
});
const rules: readonly RuleSummary[] = Object.entries(RULE_QUEUES).map(([name, queues]) => ({
  name: `keyturn-prod-${name}`,
  isEnabled: true,
  targets: queues.map(target),
}));
/** The rules, one of them changed. */
const rulesWith = (name: string, changes: Partial<RuleSummary>) =>
  rules.map((rule) => (rule.name === `keyturn-prod-${name}` ? { ...rule, ...changes } : rule));
const listing = <T>(found: readonly T[]) => ({ list: async () => [...found] });
const OUTPUTS = [
  "SubscriberPolicyArn",
  "OperatorPolicyArn",
  "RotatePolicyArn",
  "AlarmTopicArn",
  "LedgerTableName",
];
/** The queues that a function reads. */
const queuesOf = (name: string) =>
  QUEUES.filter((queue) => names.function(HANDLER_OF[queue]) === name).map((queue) => names.queue(queue));
const account = (changes: Partial<Account> = {}): Account => ({
  caller: async () => "arn:aws:iam::000000000000:user/ops",
  stack: async () => ({ status: "UPDATE_COMPLETE", outputs: OUTPUTS }),
  function: async (name) => ({ fedBy: queuesOf(name) }),
  drift: async () => "IN_SYNC",
  ...changes,
});
const states = (findings: readonly { readonly state: string }[]) => findings.map(({ state }) => state);

const foundIn = async (listed: readonly RuleSummary[]) =>
  (await checkRules(listing(listed), STAGE)).map(({ found }) => found);

test("rules that are there, enabled, and feed their queues are well", async () => {
  expect(states(await checkRules(listing(rules), STAGE))).toEqual(["ok"]);
});

test("a rule that is missing or disabled is not well", async () => {
  expect(await foundIn(rules.slice(1))).toEqual(["There is no rule keyturn-prod-secret-label-updated"]);
  const [finding] = await checkRules(listing(rulesWith("reconcile", { isEnabled: false })), STAGE);
  expect(finding).toMatchObject({
    found: "keyturn-prod-reconcile is disabled: its events go nowhere",
    remedy: "aws events enable-rule --name keyturn-prod-reconcile",
  });
});

test("each queue that a rule should feed and does not is told", async () => {
  expect(await foundIn(rulesWith("rotation-succeeded", { targets: [target("verify")] }))).toEqual([
    "keyturn-prod-rotation-succeeded does not feed keyturn-prod-notify",
    "keyturn-prod-rotation-succeeded does not feed keyturn-prod-redeploy",
  ]);
  expect(await foundIn(rulesWith("reconcile", { targets: [target("measure")] }))).toEqual([
    "keyturn-prod-reconcile does not feed keyturn-prod-reconcile",
  ]);
});

test("a target without a dead-letter queue is told", async () => {
  const targets = [{ ...target("measure"), hasDeadLetters: false }];
  expect(await foundIn(rulesWith("domain-events", { targets }))).toEqual([
    "keyturn-prod-domain-events has a target without a dead-letter queue",
  ]);
});

test("the rules of a stage whose name begins the same are left to it", async () => {
  const others = { name: "keyturn-prod-eu-secret-label-updated", isEnabled: false, targets: [] };
  expect(states(await checkRules(listing([...rules, others]), STAGE))).toEqual(["ok"]);
});

test("queues tell of dead letters, of a missing redrive, and of queues that are not there", async () => {
  const deadLetters: Pick<DeadLetters, "depth"> = {
    async depth(queue) {
      if (queue === "deployments")
        throw new CommandError("QUEUE_NOT_FOUND", EXIT.notFound, "There is no queue x.");
      return { queue, messages: 1, deadLetters: queue === "notify" ? 2 : 0, isRedriven: queue !== "verify" };
    },
  };
  const findings = await checkQueues(deadLetters, STAGE);
  expect(findings.map(({ found }) => found)).toEqual([
    "2 in keyturn-prod-notify-dead-letters",
    "keyturn-prod-verify has no dead-letter queue: what fails is repeated for ever",
    "There is no queue x.",
  ]);
  expect(findings[0]?.remedy).toContain("keyturn replay notify --dry-run --stage prod says why");
});

test("a stack that is missing, rolled back or lacks outputs is not well; the local run has none", async () => {
  const check = (stack: Account["stack"]) => checkStack(account({ stack }), STAGE);
  expect(states(await checkStack(account(), STAGE))).toEqual(["ok"]);
  expect(states(await check(async () => undefined))).toEqual(["failed"]);
  expect(states(await check(async () => ({ status: "UPDATE_ROLLBACK_COMPLETE", outputs: [] })))).toEqual([
    "attention",
  ]);
  const [lacking] = await check(async () => ({ status: "CREATE_COMPLETE", outputs: ["LedgerTableName"] }));
  expect(lacking?.found).toContain("SubscriberPolicyArn");
  expect(states(await checkStack(undefined, STAGE))).toEqual(["skipped"]);
});

test("a function is well where every queue that it reads is one that it is fed from", async () => {
  expect(states(await checkFunctions(account(), STAGE))).toEqual(["ok"]);
  const off = account({
    function: async (name) => ({ fedBy: queuesOf(name).filter((queue) => !queue.endsWith("-deployments")) }),
  });
  expect((await checkFunctions(off, STAGE)).map(({ found }) => found)).toEqual([
    "keyturn-prod-redeploy takes no messages from keyturn-prod-deployments: its event source mapping is not enabled",
  ]);
  expect(states(await checkFunctions(undefined, STAGE))).toEqual(["skipped"]);
});

test("a function that Lambda cannot run is not well, whatever feeds it", async () => {
  const broken = account({
    function: async (name) => ({
      fedBy: queuesOf(name),
      ...(name === "keyturn-prod-verify" && { trouble: "The subnet subnet-1 does not exist" }),
    }),
  });
  expect((await checkFunctions(broken, STAGE)).map(({ found }) => found)).toEqual([
    "Lambda cannot run keyturn-prod-verify: The subnet subnet-1 does not exist",
  ]);
});

test("a role that is not what was deployed is not well, and one that nobody can tell of is said to be", async () => {
  expect(states(await checkRoles(account(), STAGE))).toEqual(["ok"]);
  const drifts: Readonly<Record<string, string>> = {
    VerifyRole: "MODIFIED",
    NotifyRole: "DELETED",
    MeasureRole: "NOT_CHECKED",
  };
  const drifted = account({ drift: async (_stack, role) => drifts[role] ?? "IN_SYNC" });
  expect((await checkRoles(drifted, STAGE)).map(({ state, found }) => [state, found])).toEqual([
    ["attention", "NotifyRole of keyturn-prod is not what was deployed: DELETED"],
    ["attention", "VerifyRole of keyturn-prod is not what was deployed: MODIFIED"],
    ["skipped", "CloudFormation does not tell of MeasureRole"],
  ]);
  expect(states(await checkRoles(undefined, STAGE))).toEqual(["skipped"]);
});

test("roles are asked about one after the other; one that CloudFormation has no time for is left out", async () => {
  let underWay = 0;
  let most = 0;
  const busy = account({
    drift: async (_stack, role) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await Promise.resolve();
      underWay -= 1;
      if (role === "VerifyRole") throw Object.assign(new Error("Rate exceeded"), { name: "Throttling" });
      return "IN_SYNC";
    },
  });
  const findings = await checkRoles(busy, STAGE);
  expect(findings).toEqual([
    expect.objectContaining({ state: "skipped", found: "CloudFormation does not tell of VerifyRole" }),
  ]);
  expect(most).toBe(1);
  const denied = Object.assign(new Error("not authorized"), { name: "AccessDenied" });
  await expect(checkRoles(account({ drift: () => Promise.reject(denied) }), STAGE)).rejects.toBe(denied);
});

test("an event that never arrives fails at the timeout, and says where to look", async () => {
  let at = NOW.getTime();
  const patience = {
    now: () => new Date(at),
    pause: async (ms: number) => {
      at += ms;
    },
    deliveryTimeoutMs: 1_000,
  };
  const probe = (arrivesAfterMs: number) => ({
    send: async () => "id",
    hasArrived: async () => at - NOW.getTime() >= arrivesAfterMs,
  });
  expect((await checkDelivery(probe(500), patience, names))[0]).toMatchObject({ state: "ok" });
  at = NOW.getTime();
  expect((await checkDelivery(probe(99_999), patience, names))[0]?.remedy).toContain("keyturn-prod-measure");
});

test("a check that may not be made is a finding of its own", async () => {
  const denied = Object.assign(new Error("User x is not authorized to perform: events:ListRules"), {
    name: "AccessDeniedException",
  });
  const [finding] = await runCheck({ name: "event rules", run: () => Promise.reject(denied) });
  expect(finding).toMatchObject({ check: "event rules", state: "failed" });
  expect(finding?.found).toContain("events:ListRules");
});
