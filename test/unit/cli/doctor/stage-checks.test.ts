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
import { HANDLER_OF, NEEDED_RULES, QUEUES, stageNames } from "../../../../cli/src/place/stage-names.ts";
import { NOW } from "../fixtures.ts";

const names = stageNames("prod");
const rule = (changes: Partial<RuleSummary> = {}): RuleSummary => ({
  name: "keyturn-prod-secret-label-updated",
  isEnabled: true,
  targets: [{ arn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-notify", hasDeadLetters: true }],
  ...changes,
});
const rules = NEEDED_RULES.map((name) => rule({ name: `keyturn-prod-${name}` }));
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

test("rules that are there, enabled, and have targets are well", async () => {
  expect(states(await checkRules(listing(rules), names))).toEqual(["ok"]);
});

test("a rule that is disabled, missing, without target or without dead letters is not well", async () => {
  const broken = [
    rule({ isEnabled: false }),
    rule({ name: "keyturn-prod-reconcile", targets: [] }),
    rule({
      name: "keyturn-prod-domain-events",
      targets: [{ arn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-measure", hasDeadLetters: false }],
    }),
  ];
  const findings = await checkRules(
    listing([
      ...rules.slice(0, -1).filter(({ name }) => !broken.some((one) => one.name === name)),
      ...broken,
    ]),
    names,
  );
  expect(findings.map(({ found }) => found)).toEqual([
    `There is no rule ${rules.at(-1)?.name}`,
    "keyturn-prod-secret-label-updated is disabled: its events go nowhere",
    "keyturn-prod-reconcile has no target",
    "keyturn-prod-domain-events has a target without a dead-letter queue",
  ]);
  expect(findings.every(({ remedy }) => remedy)).toBe(true);
});

test("the rules of a stage whose name begins the same are left to it", async () => {
  const others = rule({
    name: "keyturn-prod-eu-secret-label-updated",
    isEnabled: false,
    targets: [{ arn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-eu-notify", hasDeadLetters: false }],
  });
  expect(states(await checkRules(listing([...rules, others]), names))).toEqual(["ok"]);
});

test("queues tell of dead letters, of a missing redrive, and of queues that are not there", async () => {
  const deadLetters: Pick<DeadLetters, "depth"> = {
    async depth(queue) {
      if (queue === "deployments")
        throw new CommandError("QUEUE_NOT_FOUND", EXIT.notFound, "There is no queue x.");
      return { queue, messages: 1, deadLetters: queue === "notify" ? 2 : 0, isRedriven: queue !== "verify" };
    },
  };
  const findings = await checkQueues(deadLetters, names);
  expect(findings.map(({ found }) => found)).toEqual([
    "2 in keyturn-prod-notify-dead-letters",
    "keyturn-prod-verify has no dead-letter queue: what fails is repeated for ever",
    "There is no queue x.",
  ]);
  expect(findings[0]?.remedy).toContain("keyturn replay notify --dry-run");
});

test("a stack that is missing, rolled back or lacks outputs is not well; the local run has none", async () => {
  const check = (stack: Account["stack"]) => checkStack(account({ stack }), names);
  expect(states(await checkStack(account(), names))).toEqual(["ok"]);
  expect(states(await check(async () => undefined))).toEqual(["failed"]);
  expect(states(await check(async () => ({ status: "UPDATE_ROLLBACK_COMPLETE", outputs: [] })))).toEqual([
    "attention",
  ]);
  const [lacking] = await check(async () => ({ status: "CREATE_COMPLETE", outputs: ["LedgerTableName"] }));
  expect(lacking?.found).toContain("SubscriberPolicyArn");
  expect(states(await checkStack(undefined, names))).toEqual(["skipped"]);
});

test("a function is well where every queue that it reads is one that it is fed from", async () => {
  expect(states(await checkFunctions(account(), names))).toEqual(["ok"]);
  const off = account({
    function: async (name) => ({ fedBy: queuesOf(name).filter((queue) => !queue.endsWith("-deployments")) }),
  });
  expect((await checkFunctions(off, names)).map(({ found }) => found)).toEqual([
    "keyturn-prod-redeploy takes no messages from keyturn-prod-deployments: its event source mapping is not enabled",
  ]);
  expect(states(await checkFunctions(undefined, names))).toEqual(["skipped"]);
});

test("a function that Lambda cannot run is not well, whatever feeds it", async () => {
  const broken = account({
    function: async (name) => ({
      fedBy: queuesOf(name),
      ...(name === "keyturn-prod-verify" && { trouble: "The subnet subnet-1 does not exist" }),
    }),
  });
  expect((await checkFunctions(broken, names)).map(({ found }) => found)).toEqual([
    "Lambda cannot run keyturn-prod-verify: The subnet subnet-1 does not exist",
  ]);
});

test("a role that is not what was deployed is not well, and one that nobody can tell of is said to be", async () => {
  expect(states(await checkRoles(account(), names))).toEqual(["ok"]);
  const drifts: Readonly<Record<string, string>> = {
    VerifyRole: "MODIFIED",
    NotifyRole: "DELETED",
    MeasureRole: "NOT_CHECKED",
  };
  const drifted = account({ drift: async (_stack, role) => drifts[role] ?? "IN_SYNC" });
  expect((await checkRoles(drifted, names)).map(({ state, found }) => [state, found])).toEqual([
    ["attention", "NotifyRole of keyturn-prod is not what was deployed: DELETED"],
    ["attention", "VerifyRole of keyturn-prod is not what was deployed: MODIFIED"],
    ["skipped", "CloudFormation does not tell of MeasureRole"],
  ]);
  expect(states(await checkRoles(undefined, names))).toEqual(["skipped"]);
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
