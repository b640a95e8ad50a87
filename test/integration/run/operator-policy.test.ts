import { beforeAll, expect, test } from "vitest";
import { type Authorizer, createAuthorizer } from "../../../local/aws/access/authorizer.ts";
import { packagedStack } from "./local-run.ts";
import { stackOf } from "./role-statements.ts";

const { template, stage } = packagedStack();
const place = { accountId: "000000000000", region: "us-east-1" };
const roleArn = `arn:aws:iam::${place.accountId}:role/ops`;
let authorizer: Authorizer;

beforeAll(async () => {
  const policy = stackOf(template, place).managedPolicies.find(({ name }) => name.endsWith("-operator"));
  if (!policy) throw new Error("The template has no operator policy");
  authorizer = await createAuthorizer();
  await authorizer.putPolicy(policy.ref, [policy.properties.PolicyDocument.Statement].flat());
  await authorizer.putRole(roleArn, [], [policy.ref]);
});

const send = (source: string, detailType: string) => () =>
  authorizer.check({ accessKeyId: "AKIDEXAMPLE", name: "ops", roleArn }, [
    {
      action: "events:PutEvents",
      resource: `arn:aws:events:${place.region}:${place.accountId}:event-bus/default`,
      context: { "events:source": source, "events:detail-type": detailType },
    },
  ]);

test.each([
  ["what doctor looks for", "AdoptionChecked"],
  ["what has a credential tried again", "Credential Rotated"],
])("an operator may send %s", (_what, detailType) => {
  expect(send(`keyturn.${stage}`, detailType)).not.toThrow();
});

test.each([
  ["a verdict", `keyturn.${stage}`, "CredentialVerified"],
  ["a check that goes on", `keyturn.${stage}`, "RedeployDeferred"],
  ["a part of reconcile's run", `keyturn.${stage}`, "Reconcile Continued"],
  ["an event of another stage", "keyturn.other", "Credential Rotated"],
  ["an event for all stages", "keyturn", "Credential Rotated"],
])("an operator cannot forge %s", (_what, source, detailType) => {
  expect(send(source, detailType)).toThrow("is not authorized to perform");
});
