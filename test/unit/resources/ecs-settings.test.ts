import { createRequire } from "node:module";
import { expect, test } from "vitest";

type Setting = (context: { resolveVariable: (address: string) => Promise<unknown> }) => Promise<unknown>;
const settings: Readonly<Record<string, Setting>> = createRequire(import.meta.url)(
  "../../../resources/settings.cjs",
);

/** What serverless.yml gets for a setting, with these parameters given. `param:a, param:b, 'default'` is read as `sls` does. */
function read(name: string, params: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const resolveVariable = async (address: string) => {
    for (const alternative of address.split(", ")) {
      const [, param] = /^param:(\w+)$/.exec(alternative) ?? [];
      if (param === undefined) return alternative.replaceAll("'", "");
      if (params[param] !== undefined) return params[param];
    }
    return undefined;
  };
  const setting = settings[name];
  if (!setting) throw new Error(`There is no setting ${name}`);
  return setting({ resolveVariable });
}
const arn = (resource: string) => ({
  // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it in.
  "Fn::Sub": `${"arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:"}${resource}`,
});

test("the role of redeploy is limited to the clusters that are named", async () => {
  const params = { ecsClusters: "main, blue" };
  expect(await read("ecsClusters", params)).toBe("main,blue");
  expect(await read("ecsServiceArns", params)).toEqual([arn("service/main/*"), arn("service/blue/*")]);
  expect(await read("ecsTaskArns", params)).toEqual([arn("task/main/*"), arn("task/blue/*")]);
  expect(await read("ecsAccountActions", params)).toEqual(["ecs:DescribeTaskDefinition"]);
});

test("clusters are listed only where all of them are meant", async () => {
  expect(await read("ecsAccountActions", { ecsClusters: "*" })).toContain("ecs:ListClusters");
  expect(await read("ecsClusterArns", { ecsClusters: "*" })).toEqual([arn("cluster/*")]);
});

test("takes the setting's earlier name, and the cluster that ECS takes for none", async () => {
  expect(await read("ecsClusters", { ecsCluster: "main" })).toBe("main");
  expect(await read("ecsClusters")).toBe("default");
});

test.each(["", "main,*", "arn:aws:ecs:us-east-1:000000000000:cluster/main", "ma*"])(
  "refuses `%s` as clusters",
  async (ecsClusters) => {
    await expect(read("ecsClusters", { ecsClusters })).rejects.toThrow("give names of ECS clusters");
  },
);

test("in a dry run the role cannot deploy", async () => {
  expect(await read("ecsServiceActions", { redeployDryRun: "true" })).toEqual(["ecs:DescribeServices"]);
  expect(await read("ecsServiceActions")).toContain("ecs:UpdateService");
});

test.each(["0", "901", "soon"])("refuses a pause of %s seconds", async (redeployPauseSeconds) => {
  await expect(read("redeployPauseSeconds", { redeployPauseSeconds })).rejects.toThrow("from 1 to 900");
});

test("two forced deployments of a service are five minutes apart unless something else is given", async () => {
  expect(await read("redeployMinIntervalSeconds")).toBe(300);
  expect(await read("redeployMinIntervalSeconds", { redeployMinIntervalSeconds: "0" })).toBe(0);
});

test.each(["-1", "1.5", "soon", " "])(
  "refuses %j seconds between two forced deployments",
  async (redeployMinIntervalSeconds) => {
    await expect(read("redeployMinIntervalSeconds", { redeployMinIntervalSeconds })).rejects.toThrow(
      "whole seconds from 0",
    );
  },
);
