import { expect, test } from "vitest";
import type { AlarmSummary } from "../../../../cli/src/aws/alarms.ts";
import type { Subscriptions, Topics } from "../../../../cli/src/aws/topics.ts";
import { checkAlarms } from "../../../../cli/src/doctor/alarm-checks.ts";
import { STAGE } from "../fixtures.ts";

const TOPIC = "arn:aws:sns:us-east-1:000000000000:keyturn-prod-alarms";
const alarm = (changes: Partial<AlarmSummary> = {}): AlarmSummary => ({
  name: "keyturn-prod-credential-rejected",
  description: "Something is wrong",
  isInAlarm: false,
  tells: [TOPIC],
  isMuted: false,
  dimensions: { service: "keyturn", stage: "prod" },
  ...changes,
});
const subscribed = (found: Subscriptions | undefined = { confirmed: 1, pending: 0 }): Topics => ({
  subscriptions: async () => found,
});
const check = (alarms: readonly AlarmSummary[], topics: Topics | undefined = subscribed()) =>
  checkAlarms({ list: async () => [...alarms] }, STAGE, topics);
const states = (findings: readonly { readonly state: string }[]) => findings.map(({ state }) => state);

test("alarms that are quiet, and that somebody hears, are well; on the local run nobody has to", async () => {
  expect(states(await check([alarm()]))).toEqual(["ok", "ok"]);
  const local = await checkAlarms({ list: async () => [alarm({ tells: [] })] }, STAGE, undefined);
  expect(states(local)).toEqual(["ok"]);
  expect(states(await check([]))).toEqual(["failed"]);
});

test("an alarm that is on is told with its description", async () => {
  const [on] = await check([alarm({ isInAlarm: true })]);
  expect(on?.found).toBe("keyturn-prod-credential-rejected is in alarm: Something is wrong");
});

test.each<[string, Subscriptions | undefined, string, RegExp]>([
  ["without a subscription", { confirmed: 0, pending: 0 }, "attention", /has no subscription/],
  ["whose subscription waits", { confirmed: 0, pending: 1 }, "attention", /waits to be confirmed/],
  ["that is gone", undefined, "failed", /is not there/],
])("a topic %s reaches nobody", async (_what, found, state, text) => {
  const [finding] = await check([alarm()], { subscriptions: async () => found });
  expect(finding).toMatchObject({ state, found: expect.stringMatching(text) });
  expect(finding?.found).toContain(TOPIC);
});

test("a topic of somebody else's that may not be asked about is no failure; it is said where to look", async () => {
  const refused = Object.assign(new Error("sns:GetTopicAttributes was refused"), {
    name: "AuthorizationError",
  });
  const findings = await check([alarm()], { subscriptions: () => Promise.reject(refused) });
  expect(states(findings)).toEqual(["ok", "skipped"]);
  expect(findings[1]?.found).toContain(`aws sns list-subscriptions-by-topic --topic-arn ${TOPIC}`);
});

test("an alarm that was muted by hand is not well; one that a setting mutes is", async () => {
  const bySetting = ["instance-silent", "stale-instances"].map((name) =>
    alarm({ name: `keyturn-prod-${name}`, isMuted: true }),
  );
  expect(states(await check([alarm(), ...bySetting]))).toEqual(["ok", "ok"]);
  const [muted] = await check([alarm({ isMuted: true }), ...bySetting]);
  expect(muted).toMatchObject({
    state: "attention",
    found: "1 alarm is muted by hand: keyturn-prod-credential-rejected",
    remedy: "aws cloudwatch enable-alarm-actions --alarm-names keyturn-prod-credential-rejected",
  });
});

test("the alarms of a stage whose name begins the same are left to it", async () => {
  const others = [
    { service: "keyturn", stage: "prod-eu" },
    { QueueName: "keyturn-prod-eu-notify" },
    { FunctionName: "keyturn-prod-eu-notify" },
    { RuleName: "keyturn-prod-eu-reconcile" },
  ].map((dimensions) => alarm({ isInAlarm: true, dimensions }));
  const own = [{ QueueName: "keyturn-prod-notify-dead-letters" }, { RuleName: "keyturn-prod-reconcile" }].map(
    (dimensions) => alarm({ dimensions }),
  );
  const [first] = await check([...others, ...own]);
  expect(first).toMatchObject({ state: "ok", found: "2 alarms, none in alarm" });
});
