import { createRequire } from "node:module";
import { expect, test } from "vitest";

type Setting = (framework: { resolveVariable(text: string): Promise<string> }) => Promise<unknown>;

const settings: Readonly<Record<string, Setting>> = createRequire(import.meta.url)(
  "../../../resources/settings.cjs",
);

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
