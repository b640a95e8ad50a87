import { createRequire } from "node:module";
import { expect, test } from "vitest";

type Setting = (framework: { resolveVariable(text: string): Promise<string> }) => Promise<unknown>;

const require = createRequire(import.meta.url);
const settings: Readonly<Record<string, Setting>> = {
  ...require("../../../resources/settings.cjs"),
  ...require("../../../resources/timing.cjs"),
};

/** What a setting comes to, with these params given. */
async function read(name: string, params: Readonly<Record<string, string>> = {}): Promise<unknown> {
  // `param:NAME, DEFAULT`, as the framework resolves it.
  const resolveVariable = async (text: string) => {
    const [, param = "", byDefault = ""] = /^param:(\w+), (.*)$/.exec(text) ?? [];
    return params[param] ?? byDefault.replace(/^'(.*)'$/, "$1");
  };
  return settings[name]?.({ resolveVariable });
}

test("verify has time for the allowance, a login after it, and its calls", async () => {
  expect(await read("verifyTimeoutSeconds")).toBe(50);
  expect(await read("verifyTimeoutSeconds", { propagationAllowanceMs: "0", loginTimeoutMs: "300" })).toBe(11);
});

test("with restorePrevious it has time for the login of the version before, and for the move", async () => {
  expect(await read("verifyTimeoutSeconds", { restorePrevious: "true" })).toBe(70);
  expect(await read("verifyVisibilitySeconds", { restorePrevious: "true" })).toBe(420);
});

test("its queue hides a message for six times as long", async () => {
  expect(await read("verifyVisibilitySeconds")).toBe(300);
});

test.each([
  ["propagationAllowanceMs", "-1"],
  ["propagationAllowanceMs", "30s"],
  ["loginTimeoutMs", "0"],
  ["restorePrevious", "yes"],
])("refuses %s=%s by name", async (name, value) => {
  await expect(read(name, { [name]: value })).rejects.toThrow(`${name} is ${value}; give`);
});

test("refuses an allowance that no function lives to see the end of", async () => {
  await expect(read("verifyTimeoutSeconds", { propagationAllowanceMs: "900000" })).rejects.toThrow(/900 s/);
});

test("verify runs in no VPC unless one is given", async () => {
  expect(await read("verifyVpc")).toBe(false);
  expect(await read("isVerifyInVpc")).toBe("false");
});

test("verify runs in the VPC of the subnets that are given", async () => {
  const params = { vpcSubnetIds: "subnet-0a, subnet-0b", vpcSecurityGroupIds: "sg-0c" };
  expect(await read("verifyVpc", params)).toEqual({
    subnetIds: ["subnet-0a", "subnet-0b"],
    securityGroupIds: ["sg-0c"],
  });
  expect(await read("isVerifyInVpc", params)).toBe("true");
});

test.each([
  { params: { vpcSubnetIds: "subnet-0a" }, names: /vpcSubnetIds and vpcSecurityGroupIds/ },
  { params: { vpcSubnetIds: "sg-0c", vpcSecurityGroupIds: "sg-0c" }, names: /vpcSubnetIds has sg-0c/ },
])("refuses $params", async ({ params, names }) => {
  await expect(read("verifyVpc", params)).rejects.toThrow(names);
});

type Conditions = Readonly<Record<string, object>>;

const secretArn = (name: string) => ({ "Fn::Join": ["", expect.arrayContaining([":secret:", name])] });
const reads = (changes: { Resource: object[]; Condition?: Conditions }) => ({
  Effect: "Allow",
  Action: "secretsmanager:GetSecretValue",
  ...changes,
});
const tagged = (key: string, ...values: string[]) => ({
  Condition: { StringEquals: { [`aws:ResourceTag/${key}`]: values } },
});

/** The same statements for another action, whose condition comes on top of that on tags. */
const forAction = (statements: readonly { Condition?: Conditions }[], action: string, more?: Conditions) =>
  statements.map(({ Condition, ...statement }) => ({
    ...statement,
    Action: `secretsmanager:${action}`,
    ...((Condition || more) && {
      Condition: {
        ...more,
        ...(Condition && { StringEquals: { ...more?.StringEquals, ...Condition.StringEquals } }),
      },
    }),
  }));

test.each([
  { params: {}, statements: [reads({ Resource: [secretArn("*")] })] },
  {
    params: { watchedPrefixes: "prod/, shared/" },
    statements: [reads({ Resource: [secretArn("prod/*"), secretArn("shared/*")] })],
  },
  {
    params: { watchedTags: "team=orders" },
    statements: [reads({ Resource: [secretArn("*")], ...tagged("team", "orders") })],
  },
  {
    params: { watchedPrefixes: "prod/", watchedTags: "team=orders, keyturn=on,team=billing=eu" },
    statements: [
      reads({ Resource: [secretArn("prod/*")], ...tagged("team", "orders", "billing=eu") }),
      reads({ Resource: [secretArn("prod/*")], ...tagged("keyturn", "on") }),
    ],
  },
])(
  "with $params verify may read, and move labels of, watched secrets alone; operators rotate no others, and by no function of their own",
  async ({ params, statements }) => {
    expect(await read("readsWatchedSecrets", params)).toEqual(statements);
    const movesLabels = forAction(statements, "UpdateSecretVersionStage", {
      StringEquals: { "secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"] },
    });
    expect(await read("movesLabelsOfWatchedSecrets", params)).toEqual(movesLabels);
    expect(await read("rotatesWatchedSecrets", params)).toEqual([
      ...forAction(statements, "RotateSecret", {
        Null: {
          "secretsmanager:RotationLambdaARN": "true",
          "secretsmanager:ExternalSecretRotationRoleArn": "true",
        },
        BoolIfExists: { "secretsmanager:ModifyRotationRules": "false" },
      }),
      ...forAction(statements, "PutSecretValue"),
      ...movesLabels,
    ]);
  },
);

test.each(["team", "=orders", "team=*", "team=$orders", "te?m=orders"])(
  "refuses watchedTags=%s, which would be something else to IAM than to the functions",
  async (watchedTags) => {
    await expect(read("watchedTags", { watchedTags })).rejects.toThrow(
      `watchedTags has ${watchedTags}; give`,
    );
  },
);

/** Every setting that the two waits are made of, at its ends and in between. */
const DELIVERIES = [
  ...[0, 30_000, 120_000, 600_000, 879_000].flatMap((propagationAllowanceMs) =>
    [0, 60, 900].flatMap((adoptionDeadlineSeconds) =>
      [2, 3, 5, 20].map((maxReceiveCount) => ({
        propagationAllowanceMs,
        adoptionDeadlineSeconds,
        maxReceiveCount,
      })),
    ),
  ),
  { propagationAllowanceMs: 30_000, adoptionDeadlineSeconds: 110, maxReceiveCount: 1 },
].map((given) => Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])));

test.each(DELIVERIES)("with %o redeploy's last delivery comes after verify's last word", async (params) => {
  const seconds = async (name: string) => Number(await read(name, { loginTimeoutMs: "5000", ...params }));
  const repeats = (await seconds("maxReceiveCount")) - 1;
  const lastWord =
    repeats * (await seconds("verifyVisibilitySeconds")) + (await seconds("verifyTimeoutSeconds"));
  const lastCheck =
    (await seconds("adoptionDeadlineSeconds")) + repeats * (await seconds("redeployVisibilitySeconds"));
  expect(lastCheck).toBeGreaterThanOrEqual(lastWord + 60);
  expect(await seconds("redeployVisibilitySeconds")).toBeGreaterThanOrEqual(
    6 * Number(settings.redeployTimeoutSeconds),
  );
});

test("the wait is no longer than that takes", async () => {
  expect(await read("redeployVisibilitySeconds")).toBe(360);
});

test("refuses a single delivery that comes before the verdict", async () => {
  await expect(read("redeployVisibilitySeconds", { maxReceiveCount: "1" })).rejects.toThrow(
    /adoptionDeadlineSeconds of 110 or more/,
  );
});

test.each(["0", "1001", "many"])("refuses maxReceiveCount=%s by name", async (maxReceiveCount) => {
  await expect(read("maxReceiveCount", { maxReceiveCount })).rejects.toThrow(
    `maxReceiveCount is ${maxReceiveCount}; give`,
  );
});
