import { beforeAll, describe, expect, test } from "vitest";
import { createAuthorizer } from "../../../local/aws/access/authorizer.ts";
import { packageStack } from "../../../local/package-stack.ts";
import { readStack, type Stack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { packagedStack } from "./local-run.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Condition?: unknown;
}
interface Template {
  readonly Resources: {
    readonly VerifyLambdaFunction: {
      readonly Properties: {
        readonly VpcConfig?: object;
        readonly Timeout: number;
        readonly Environment: { readonly Variables: Readonly<Record<string, unknown>> };
      };
    };
    readonly [logicalId: string]: { readonly Properties: object };
  };
}

function stackOf(template: unknown): Stack {
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
  return readStack(resources);
}

/** What the role of verify may do, and which statements it has for what. */
function policiesOf(template: unknown): Map<string, readonly Statement[]> {
  const role = stackOf(template).roles.find(({ name }) => name.endsWith("-verify"));
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
  expect([...policiesOf(template).keys()]).toEqual(["verify", "verify-secrets"]);
});

test("by default a tag may name no host", () => {
  const { Resources } = packagedStack().template as Template;
  expect(Resources.VerifyLambdaFunction.Properties.Environment.Variables.TAGGED_HOSTS).toBe("");
});

const anySecret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:*";
const readingValues = (template: unknown) => policiesOf(template).get("verify-secrets");

test("by default it may read the values of all secrets", () => {
  expect(readingValues(packagedStack().template)).toEqual([
    { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: [anySecret] },
  ]);
});

test("with watched tags alone it may read the values, and move labels, of secrets that have one of them", async () => {
  const settings = { watchedTags: "team=orders,team=billing,keyturn=on", restorePrevious: "true" };
  const { template, remove } = await packageStack("test", "us-east-1", settings);
  await remove();
  const onTags = (Action: string, more: object = {}) =>
    [{ "aws:ResourceTag/team": ["orders", "billing"] }, { "aws:ResourceTag/keyturn": ["on"] }].map((tag) => ({
      Effect: "Allow",
      Action,
      Resource: [anySecret],
      Condition: { StringEquals: { ...tag, ...more } },
    }));
  expect(readingValues(template)).toEqual(onTags("secretsmanager:GetSecretValue"));
  expect(policiesOf(template).get("verify-restore")).toEqual(
    onTags("secretsmanager:UpdateSecretVersionStage", {
      "secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"],
    }),
  );
  // The local run takes them too.
  const roleArn = "arn:aws:iam::000000000000:role/verify";
  const roles = { [roleArn]: [...policiesOf(template).values()].flat() };
  await expect(createAuthorizer({ roles })).resolves.toBeDefined();
});

describe("in a VPC, with labels moved back, and ten minutes for a password to arrive", () => {
  let template: unknown;
  beforeAll(async () => {
    const packaged = await packageStack("test", "us-east-1", {
      vpcSubnetIds: "subnet-0a,subnet-0b",
      vpcSecurityGroupIds: "sg-0c",
      restorePrevious: "true",
      propagationAllowanceMs: "600000",
    });
    template = packaged.template;
    await packaged.remove();
  });

  test("verify may have its network interfaces, and move labels", () => {
    expect(vpcOf(template)).toEqual({ SubnetIds: ["subnet-0a", "subnet-0b"], SecurityGroupIds: ["sg-0c"] });
    const policies = policiesOf(template);
    expect([...policies.keys()]).toEqual(["verify", "verify-secrets", "verify-restore", "verify-vpc"]);
    expect(policies.get("verify-restore")?.map(({ Action }) => Action)).toEqual([
      "secretsmanager:UpdateSecretVersionStage",
    ]);
    expect(policies.get("verify-vpc")?.map(({ Effect }) => Effect)).toEqual(["Allow", "Deny"]);
  });

  test("redeploy's queues wait until verify has had its last word", () => {
    const queues = new Map(stackOf(template).queues.map(({ name, properties }) => [name, properties]));
    const [verify, redeploy, deployments] = ["verify", "redeploy", "deployments"].map((name) =>
      queues.get(`keyturn-test-${name}`),
    );
    const { Timeout } = (template as Template).Resources.VerifyLambdaFunction.Properties;
    const repeats = Number(verify?.RedrivePolicy?.maxReceiveCount) - 1;
    const lastWord = repeats * (verify?.VisibilityTimeout ?? 0) + Timeout;
    // A second login and its calls besides, before the label moves back.
    expect(Timeout).toBe(640);
    expect(repeats * (redeploy?.VisibilityTimeout ?? 0) + (redeploy?.DelaySeconds ?? 0)).toBeGreaterThan(
      lastWord,
    );
    expect(deployments?.VisibilityTimeout).toBe(redeploy?.VisibilityTimeout);
  });
});
