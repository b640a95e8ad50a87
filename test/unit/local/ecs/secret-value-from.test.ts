import { expect, test } from "vitest";
import { parseSecretValueFrom, selectSecretValue } from "../../../../local/aws/ecs/secret-value-from.ts";

const secretId = "arn:aws:secretsmanager:us-west-2:111122223333:secret:appauthexample-AbCdEf";

test.for([
  ["the whole secret", secretId, {}],
  ["a key", `${secretId}:username1::`, { jsonKey: "username1" }],
  ["a stage", `${secretId}::AWSPREVIOUS:`, { versionStage: "AWSPREVIOUS" }],
  ["a version", `${secretId}:::9d4cb84b-fake`, { versionId: "9d4cb84b-fake" }],
  [
    "a key and a stage",
    `${secretId}:username1:AWSPREVIOUS:`,
    { jsonKey: "username1", versionStage: "AWSPREVIOUS" },
  ],
  [
    "a key and a version",
    `${secretId}:username1::9d4cb84b-fake`,
    { jsonKey: "username1", versionId: "9d4cb84b-fake" },
  ],
] as const)("reads a reference to %s", ([, valueFrom, rest]) => {
  expect(parseSecretValueFrom(valueFrom)).toEqual({ secretId, ...rest });
});

test.for([
  ["arn:aws:ssm:us-west-2:111122223333:parameter/x"],
  ["name"],
  [`${secretId}:key`],
  [`${secretId}:a:b:c:d`],
] as const)("refuses %s", ([valueFrom]) => {
  expect(() => parseSecretValueFrom(valueFrom)).toThrow();
});

test("selects the whole, or one key, which need not be a text", () => {
  const secret = '{"user":"a","port":5432}';
  expect(selectSecretValue({ secretId }, secret)).toBe(secret);
  expect(selectSecretValue({ secretId, jsonKey: "user" }, secret)).toBe("a");
  expect(selectSecretValue({ secretId, jsonKey: "port" }, secret)).toBe("5432");
});

test.for([
  ["a key that is not there", '{"user":"fake-value"}'],
  ["a secret that is no JSON", "fake-value"],
] as const)("refuses %s without telling the value", ([, secret]) => {
  const select = () => selectSecretValue({ secretId, jsonKey: "password" }, secret);
  expect(select).toThrow(/did not contain json key password/);
  expect(select).not.toThrow(/fake-value/);
});
