import { beforeAll, expect, test } from "vitest";
import { type Authorizer, createAuthorizer } from "../../../local/aws/access/authorizer.ts";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import { packagedStack } from "./local-run.ts";

const { template, stage } = packagedStack();
const place = { accountId: "000000000000", region: "us-east-1" };
const { resources, outputs } = loadTemplate(template, {
  place,
  stackName: `keyturn-${stage}`,
  queueUrl: (name) => `http://127.0.0.1/${place.accountId}/${name}`,
});
const roleArn = `arn:aws:iam::${place.accountId}:role/orders-task`;
const secretArn = `arn:aws:secretsmanager:${place.region}:${place.accountId}:secret:orders/db-AbCdEf`;
const notices = noticeTopic(`keyturn/${stage}`, secretArn);
const reports = reportTopic(`keyturn/${stage}`, secretArn);
let authorizer: Authorizer;

beforeAll(async () => {
  const policyArn = String(outputs.SubscriberPolicyArn);
  const policy = readStack(resources).managedPolicies.find(({ ref }) => ref === policyArn);
  authorizer = await createAuthorizer();
  await authorizer.putPolicy(policyArn, [policy?.properties.PolicyDocument.Statement].flat());
  await authorizer.putRole(roleArn, [], [policyArn]);
});

const may = (action: string, resource: string) => () =>
  authorizer.check({ accessKeyId: "AKIDEXAMPLE", name: "orders", roleArn }, [
    { action, resource: `arn:aws:iot:${place.region}:${place.accountId}:${resource}` },
  ]);

test.each([
  ["connect as keyturn-…", "iot:Connect", "client/keyturn-0123456789abcdef-0123456789ab"],
  ["subscribe to notices", "iot:Subscribe", `topicfilter/${notices}`],
  ["receive notices", "iot:Receive", `topic/${notices}`],
  ["publish reports", "iot:Publish", `topic/${reports}`],
])("with the subscriber policy, a service may %s", (_what, action, resource) => {
  expect(may(action, resource)).not.toThrow();
});

test.each([
  ["connect as another's client", "iot:Connect", "client/thermostat-1"],
  ["publish notices", "iot:Publish", `topic/${notices}`],
  ["keep a report on the broker", "iot:RetainPublish", `topic/${reports}`],
  ["hear what others report", "iot:Subscribe", `topicfilter/${reports}`],
  ["hear another stage's notices", "iot:Subscribe", `topicfilter/${noticeTopic("keyturn/other", secretArn)}`],
  ["hear everything", "iot:Subscribe", "topicfilter/#"],
])("with it alone, a service may not %s", (_what, action, resource) => {
  expect(may(action, resource)).toThrow("is not authorized to perform");
});
