import { SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createParameters } from "../../../shared/aws/parameters.ts";
import { serveAwsJson } from "../local/ecs/serve-aws-json.ts";

interface Parameter {
  readonly Name: string;
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
          return { Parameters: (answers.length > 1 ? answers.shift() : answers[0]) ?? [] };
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
