import { expect, test } from "vitest";
import { packageStack } from "../../../local/package-stack.ts";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { packagedStack } from "./local-run.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
}
interface Template {
  readonly Resources: {
    readonly VerifyLambdaFunction: { readonly Properties: { readonly VpcConfig?: object } };
  };
}

/** What the role of verify may do, and which statements it has for what. */
function policiesOf(template: unknown): Map<string, readonly Statement[]> {
  const place = { accountId: "000000000000", region: "us-east-1" };
  const queueUrl = (name: string) => `http://127.0.0.1/${place.accountId}/${name}`;
  // The local run has no VPC, and refuses what it does not know.
  const { Resources, ...rest } = structuredClone(template) as Template;
  const { VpcConfig: _, ...Properties } = Resources.VerifyLambdaFunction.Properties;
  const VerifyLambdaFunction = { ...Resources.VerifyLambdaFunction, Properties };
  const { resources } = loadTemplate(
    { ...rest, Resources: { ...Resources, VerifyLambdaFunction } },
    { place, stackName: "keyturn-test", queueUrl },
  );
  const role = readStack(resources).roles.find(({ name }) => name.endsWith("-verify"));
  return new Map(
    (role?.properties.Policies ?? []).map(({ PolicyName, PolicyDocument }) => [
      PolicyName,
      [PolicyDocument.Statement].flat() as Statement[],
    ]),
  );
}

const vpcOf = (template: unknown) =>
  (template as Template).Resources.VerifyLambdaFunction.Properties.VpcConfig;

test("by default verify is in no VPC, and may neither make network interfaces nor move labels", () => {
  const { template } = packagedStack();
  expect(vpcOf(template)).toBeUndefined();
  expect([...policiesOf(template).keys()]).toEqual(["verify"]);
});

test("in a VPC it may have its network interfaces; to move labels back, it may move labels", async () => {
  const { template, remove } = await packageStack("test", "us-east-1", {
    vpcSubnetIds: "subnet-0a,subnet-0b",
    vpcSecurityGroupIds: "sg-0c",
    restorePrevious: "true",
  });
  await remove();
  expect(vpcOf(template)).toEqual({ SubnetIds: ["subnet-0a", "subnet-0b"], SecurityGroupIds: ["sg-0c"] });
  const policies = policiesOf(template);
  expect([...policies.keys()]).toEqual(["verify", "verify-restore", "verify-vpc"]);
  expect(policies.get("verify-restore")?.map(({ Action }) => Action)).toEqual([
    "secretsmanager:UpdateSecretVersionStage",
    "dynamodb:PutItem",
  ]);
  expect(policies.get("verify-vpc")?.map(({ Effect }) => Effect)).toEqual(["Allow", "Deny"]);
});
