import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import * as z from "zod/mini";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";

const oneOrMore = z.union([z.string(), z.array(z.string())]);
const Policy = z.object({
  Statement: z.array(z.object({ Sid: z.string(), Action: oneOrMore, Resource: oneOrMore })),
});
const Template = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.optional(z.record(z.string(), z.unknown())) }),
  ),
  Outputs: z.record(z.string(), z.unknown()),
});

let page: string;
let policy: z.infer<typeof Policy>;
let template: z.infer<typeof Template>;
beforeAll(async () => {
  page = await readFile(join(PROJECT_ROOT, "docs/deploy.md"), "utf8");
  const section = page.slice(page.indexOf("\n## Permissions to deploy"));
  policy = z.parse(Policy, JSON.parse(/```json\n([\s\S]*?)```/.exec(section)?.[1] ?? ""));
  template = z.parse(Template, inject("packagedStack").template);
});

const list = (value: string | readonly string[]) => [value].flat();

test("names the stack's settings and outputs as they are", async () => {
  const files = [
    "serverless.yml",
    "resources/settings.cjs",
    "resources/timing.cjs",
    "resources/alarms.cjs",
    "resources/alarm-topic.yml",
    "resources/encryption.cjs",
  ].map((file) => readFile(join(PROJECT_ROOT, file), "utf8"));
  const asked = (await Promise.all(files)).join("\n");
  const settings = [...page.matchAll(/--param "(\w+)=/g)].map(([, name]) => name);
  expect(settings.length).toBeGreaterThan(0);
  for (const name of settings) expect(asked, name).toMatch(new RegExp(`param:${name}\\b`));
  for (const [, name = ""] of page.matchAll(/`(\w+Arn)` is what/g))
    expect(Object.keys(template.Outputs)).toContain(name);
});

test("the policy to deploy covers every service of which the stack has something", () => {
  const types = new Set(
    Object.values(template.Resources).map(({ Type }) => Type.split("::")[1]?.toLowerCase()),
  );
  const allowed = new Set(
    policy.Statement.flatMap(({ Action }) => list(Action)).map((action) => action.split(":")[0]),
  );
  expect([...types].filter((service) => !allowed.has(service))).toEqual([]);
});

/** Properties that name a resource, and what its ARN has before the name. */
const NAMES = {
  FunctionName: ":function:",
  QueueName: ":sqs:REGION:ACCOUNT:",
  TopicName: ":sns:REGION:ACCOUNT:",
  RoleName: ":role/",
  ManagedPolicyName: ":policy/",
  TableName: ":table/",
  AlarmName: ":alarm:",
  LogGroupName: ":log-group:",
  RuleName: ":iot:REGION:ACCOUNT:rule/",
} as const;

test("the policy to deploy covers the names of the stack's resources", () => {
  const { stage } = inject("packagedStack");
  const resources = policy.Statement.flatMap(({ Resource }) => list(Resource));
  const fillIn = (text: string) => text.replace("STAGE", stage).replace("REGION", "us-east-1");
  const isCovered = (before: string, name: string) =>
    resources
      .filter((resource) => resource.includes(before))
      .map((resource) => fillIn(resource.slice(resource.indexOf(before) + before.length)))
      .some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  const named = Object.values(template.Resources).flatMap(({ Properties = {} }) =>
    Object.entries(NAMES).flatMap(([property, before]) => {
      const name = Properties[property];
      return typeof name === "string" ? [{ before, name }] : [];
    }),
  );
  expect(new Set(named.map(({ before }) => before)).size).toBeGreaterThan(6);
  expect(named.filter(({ before, name }) => !isCovered(before, name))).toEqual([]);
});

test("the policy to deploy reads neither secrets nor the ledger", () => {
  const actions = policy.Statement.flatMap(({ Action }) => list(Action));
  expect(actions.filter((action) => /^(secretsmanager|kms|ssm):/.test(action))).toEqual([]);
  expect(actions.filter((action) => /^dynamodb:(GetItem|Query|Scan|BatchGetItem|\*)/.test(action))).toEqual(
    [],
  );
});
