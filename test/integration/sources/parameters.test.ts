import { SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createParameters } from "../../../shared/aws/parameters.ts";
import type { Watch } from "../../../shared/rotation/watch.ts";
import { serveAwsJson } from "../local/ecs/serve-aws-json.ts";

interface Parameter {
  readonly Name: string;
  readonly ARN?: string;
  readonly Version: number;
  readonly LastModifiedDate: number;
}

const asked: unknown[] = [];
/** Each answer of DescribeParameters; the last one stays. */
let answers: Parameter[][];
let client: SSMClient;
let server: Awaited<ReturnType<typeof serveAwsJson>>;

beforeEach(async () => {
  asked.length = 0;
  server = await serveAwsJson({
    targetPrefix: "AmazonSSM",
    jsonVersion: "1.1",
    operations: {
      DescribeParameters: {
        access: () => [],
        run(input) {
          asked.push(input);
          const isLast = answers.length <= 1;
          const Parameters = (isLast ? answers[0] : answers.shift()) ?? [];
          return { Parameters, ...("MaxResults" in input && !isLast && { NextToken: "next" }) };
        },
      },
    },
  });
  client = new SSMClient({
    region: "us-east-1",
    endpoint: server.url,
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "EXAMPLE" },
  });
});
afterEach(async () => {
  client.destroy();
  await server.close();
});

const arn = (name: string) => `arn:aws:ssm:us-east-1:000000000000:parameter/${name}`;
const version = (Version: number, Name = "/orders/key"): Parameter => ({
  Name,
  Version,
  LastModifiedDate: 1_793_527_200.5,
});

test("tells version number and time of a parameter, and asks for no value", async () => {
  answers = [[version(7)]];
  expect(await createParameters(client).describe(arn("orders/key"), () => true)).toEqual({
    versionId: "7",
    lastChangedAt: new Date("2026-11-01T10:00:00.500Z"),
  });
  expect(asked).toEqual([{ ParameterFilters: [{ Key: "Name", Option: "Equals", Values: ["/orders/key"] }] }]);
});

test("looks for a name of one level with and without the slash, which the ARN does not tell", async () => {
  answers = [[version(1, "key")]];
  await createParameters(client).describe(arn("key"), () => true);
  expect(asked).toMatchObject([{ ParameterFilters: [{ Values: ["key", "/key"] }] }]);
});

test("asks again until the answer satisfies", async () => {
  answers = [[], [version(6)], [version(7)]];
  const facts = await createParameters(client).describe(arn("orders/key"), (seen) => seen?.versionId === "7");
  expect(facts?.versionId).toBe("7");
  expect(asked).toHaveLength(3);
});

test("knows nothing of a parameter that is not there", async () => {
  answers = [[]];
  expect(await createParameters(client).describe(arn("orders/key"), () => true)).toBeUndefined();
});

const listed = (name: string, Version = 7): Parameter => ({
  ...version(Version, `/${name}`),
  ARN: arn(name),
});

async function watched(watch?: Watch): Promise<string[]> {
  const found: string[] = [];
  for await (const { parameterArn } of createParameters(client, watch).watched(async () => {
    found.push("turn");
  }))
    found.push(parameterArn);
  return found;
}

test("lists parameters that hold secrets, page by page, each after its turn", async () => {
  answers = [[listed("orders/key"), listed("orders/pin")], [listed("billing/key")]];
  expect(await watched()).toEqual([
    "turn",
    arn("orders/key"),
    arn("orders/pin"),
    "turn",
    arn("billing/key"),
    "turn",
  ]);
  expect(asked[0]).toEqual({
    MaxResults: 50,
    ParameterFilters: [{ Key: "Type", Option: "Equals", Values: ["SecureString"] }],
  });
});

test("lists what is watched by its prefix, whose slash the ARN does not tell", async () => {
  answers = [[listed("prod/key"), listed("PROD/key")]];
  const watch = { prefixes: ["prod/", "/shared/"], tags: [] };
  expect(await watched(watch)).toEqual(["turn", arn("prod/key"), "turn"]);
  expect(asked).toMatchObject([
    {
      ParameterFilters: [
        { Key: "Type" },
        { Key: "Name", Option: "BeginsWith", Values: ["prod/", "/prod/", "shared/", "/shared/"] },
      ],
    },
  ]);
  // More than one filter takes.
  const many = Array.from({ length: 26 }, (_, index) => `none-${index}/`);
  expect(await watched({ prefixes: [...many, "prod/"], tags: [] })).toContain(arn("prod/key"));
  expect(asked[1]).toMatchObject({ ParameterFilters: [{ Key: "Type" }] });
});

test("lists nothing where tags alone say what is watched: they say it of secrets", async () => {
  expect(await watched({ prefixes: [], tags: [{ key: "team", value: "orders" }] })).toEqual([]);
  expect(asked).toEqual([]);
});
