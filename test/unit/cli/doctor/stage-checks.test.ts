import { expect, test } from "vitest";
import type { Account } from "../../../../cli/src/aws/account.ts";
import type { DeadLetters } from "../../../../cli/src/aws/dead-letters.ts";
import type { RuleSummary } from "../../../../cli/src/aws/event-rules.ts";
import { CommandError } from "../../../../cli/src/command-error.ts";
import { checkDelivery } from "../../../../cli/src/doctor/delivery-checks.ts";
import { runCheck } from "../../../../cli/src/doctor/finding.ts";
import {
  checkAlarms,
  checkFunctions,
  checkLedger,
  checkQueues,
  checkRules,
  checkStack,
  checkVerify,
} from "../../../../cli/src/doctor/stage-checks.ts";
import { EXIT } from "../../../../cli/src/exit-code.ts";
import { NEEDED_RULES, stageNames } from "../../../../cli/src/place/stage-names.ts";
import type { Verdict } from "../../../../shared/aws/ledger.ts";
import { NOW, rotation, secretView } from "../fixtures.ts";

const names = stageNames("prod");
const rule = (changes: Partial<RuleSummary> = {}): RuleSummary => ({
  name: "keyturn-prod-secret-label-updated",
  isEnabled: true,
  targets: [{ arn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-notify", hasDeadLetters: true }],
  ...changes,
});
const rules = NEEDED_RULES.map((name) => rule({ name: `keyturn-prod-${name}` }));
const listing = <T>(found: readonly T[]) => ({ list: async () => [...found] });
const account = (changes: Partial<Account> = {}): Account => ({
  caller: async () => "arn:aws:iam::000000000000:user/ops",
  stack: async () => ({ status: "UPDATE_COMPLETE", outputs: ["SubscriberPolicyArn", "LedgerTableName"] }),
  function: async () => ({ isFed: true, vpcId: "vpc-1" }),
  ...changes,
});
const states = (findings: readonly { readonly state: string }[]) => findings.map(({ state }) => state);

test("rules that are there, enabled, and have targets are well", async () => {
  expect(states(await checkRules(listing(rules), names))).toEqual(["ok"]);
});

test("a rule that is disabled, missing, without target or without dead letters is not well", async () => {
  const findings = await checkRules(
    listing([
      rule({ isEnabled: false }),
      rule({ name: "keyturn-prod-reconcile", targets: [] }),
      rule({
        name: "keyturn-prod-domain-events",
        targets: [{ arn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-measure", hasDeadLetters: false }],
      }),
    ]),
    names,
  );
  expect(findings.map(({ found }) => found)).toEqual([
    "There is no rule keyturn-prod-credential-rotated",
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

test("a function whose mapping is off takes no messages", async () => {
  const off = account({ function: async (name) => ({ isFed: name !== "keyturn-prod-verify" }) });
  expect((await checkFunctions(off, names)).map(({ found }) => found)).toEqual([
    "keyturn-prod-verify takes no messages: its event source mapping is not enabled",
  ]);
  expect((await checkVerify(off, names))[0]?.found).toContain("outside of any VPC");
  expect((await checkVerify(account(), names))[0]?.found).toContain("vpc-1");
});

test.each<[Verdict, string[]]>([
  ["accepted", ["ok"]],
  ["rejected", ["ok", "failed"]],
  ["unverifiable", ["ok", "attention"]],
  ["unreachable", ["ok", "failed"]],
])("a newest version that is %s gives %j", async (verdict, expected) => {
  const findings = await checkLedger({
    listSecrets: async function* () {
      yield rotation();
    },
    readSecret: async () => secretView({ current: rotation({ verdict }) }),
  });
  expect(states(findings)).toEqual(expected);
});

test("alarms that tell nobody, or are in alarm, are not well; on the local run nobody is told", async () => {
  const alarm = {
    name: "keyturn-prod-x",
    description: "Something is wrong",
    isInAlarm: false,
    hasActions: true,
  };
  const check = (changes: Partial<typeof alarm>, isTold = true) =>
    checkAlarms(listing([{ ...alarm, ...changes }]), names, isTold);
  expect(states(await check({}))).toEqual(["ok"]);
  expect((await check({ hasActions: false }))[0]?.remedy).toContain("alarmTopicArn");
  expect(states(await check({ hasActions: false }, false))).toEqual(["ok"]);
  expect((await check({ isInAlarm: true }))[0]?.found).toBe("keyturn-prod-x is in alarm: Something is wrong");
  expect(states(await checkAlarms(listing([]), names, true))).toEqual(["failed"]);
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
