import { createRequire } from "node:module";
import { expect, test } from "vitest";

type Setting = (context: { resolveVariable: (address: string) => Promise<unknown> }) => Promise<unknown>;
const require = createRequire(import.meta.url);
const settings: Readonly<Record<string, Setting>> = {
  ...require("../../../resources/alarms.cjs"),
  ...require("../../../resources/encryption.cjs"),
};

/** What serverless.yml gets for a setting, with these parameters given. */
function read(name: string, params: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const setting = settings[name];
  if (!setting) throw new Error(`There is no setting ${name}`);
  return setting({
    resolveVariable: async (address) => params[/^param:(\w+), ''$/.exec(address)?.[1] ?? ""] ?? "",
  });
}

const topic = "arn:aws:sns:eu-west-1:000000000000:on-call";
const key = "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d";
const nothing = { Ref: "AWS::NoValue" };

test.each([
  ["nobody by default", {}, [], "false"],
  ["the topic that is given", { alarmTopicArn: topic }, [topic], "false"],
  ["a topic that is made for an address", { alarmEmail: "ops@example.com" }, [{ Ref: "AlarmTopic" }], "true"],
  [
    "the topic alone, where an address is given too",
    { alarmTopicArn: topic, alarmEmail: "ops@example.com" },
    [topic],
    "false",
  ],
])("alarms tell %s", async (_whom, params, actions, makesTopic) => {
  expect(await read("alarmActions", params)).toEqual(actions);
  expect(await read("makesAlarmTopic", params)).toBe(makesTopic);
});

test("without a customer key nothing names one, and no role may use any", async () => {
  for (const name of [
    "keyArn",
    "tableEncryption",
    "functionKeyPolicy",
    "senderKeyPolicy",
    "operatorKeyStatement",
  ])
    expect(await read(name)).toEqual(nothing);
});

test("with a customer key, roles may use that key, and only through the services that hold data", async () => {
  expect(await read("keyArn", { kmsKeyArn: key })).toBe(key);
  expect(await read("functionKeyPolicy", { kmsKeyArn: key })).toMatchObject({
    PolicyDocument: {
      Statement: [
        {
          Action: ["kms:Decrypt"],
          Resource: key,
          Condition: { StringEquals: { "kms:ViaService": [expect.anything(), expect.anything()] } },
        },
      ],
    },
  });
});

test.each(["alias/keyturn", "arn:aws:kms:eu-west-1:000000000000:alias/keyturn", "0a1b2c3d"])(
  "refuses %s as a customer key, since a role cannot be limited to it",
  async (kmsKeyArn) => {
    await expect(read("keyArn", { kmsKeyArn })).rejects.toThrow("give the ARN of a key");
  },
);
