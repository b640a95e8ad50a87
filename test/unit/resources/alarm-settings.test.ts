import { createRequire } from "node:module";
import { expect, test } from "vitest";

type Setting = (context: { resolveVariable: (address: string) => Promise<unknown> }) => Promise<unknown>;
const require = createRequire(import.meta.url);
const settings: Readonly<Record<string, Setting>> = {
  ...require("../../../resources/alarms.cjs"),
  ...require("../../../resources/encryption.cjs"),
};

function settingOf(name: string): Setting {
  const setting = settings[name];
  if (!setting) throw new Error(`There is no setting ${name}`);
  return setting;
}

/** What serverless.yml gets for a setting, with these parameters given. */
const read = (name: string, params: Readonly<Record<string, string>> = {}) =>
  settingOf(name)({
    resolveVariable: async (address) => params[/^param:(\w+), ''$/.exec(address)?.[1] ?? ""] ?? "",
  });

const topic = "arn:aws:sns:eu-west-1:000000000000:on-call";
const key = "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d";
const nothing = { Ref: "AWS::NoValue" };

test.each([
  ["a topic of the stage's own by default", {}, { Ref: "AlarmTopic" }, "true"],
  [
    "that topic, where an address subscribes to it",
    { alarmEmail: "ops@example.com" },
    { Ref: "AlarmTopic" },
    "true",
  ],
  ["the topic that is given", { alarmTopicArn: topic }, topic, "false"],
  [
    "the topic that is given, where an address subscribes to it",
    { alarmTopicArn: topic, alarmEmail: "ops@example.com" },
    topic,
    "false",
  ],
])("alarms tell %s", async (_whom, params, told, makesTopic) => {
  expect(await read("alarmActions", params)).toEqual([told]);
  expect(await read("alarmTopic", params)).toEqual(told);
  expect(await read("makesAlarmTopic", params)).toBe(makesTopic);
});

test.each(["on-call", "arn:aws:sqs:eu-west-1:000000000000:on-call", `${topic}.fifo`])(
  "refuses %s as a topic, to which CloudWatch could not send",
  async (alarmTopicArn) => {
    await expect(read("alarmActions", { alarmTopicArn })).rejects.toThrow(
      "give the ARN of a standard SNS topic",
    );
  },
);

interface Alarm {
  readonly Properties: { readonly ActionsEnabled?: boolean };
}

/** An alarm of the template, with these settings. */
async function alarmOf(id: string, custom: Readonly<Record<string, string>>): Promise<Alarm | undefined> {
  const given: Readonly<Record<string, unknown>> = {
    visibilitySeconds: {},
    alarmOnSilentInstances: "false",
    alarmOnStaleInstances: "true",
    ...custom,
  };
  const resolveVariable = async (address: string) => given[address.replace("self:custom.", "")] ?? 0;
  const { Resources } = (await settingOf("resources")({ resolveVariable })) as {
    readonly Resources: Readonly<Record<string, Alarm>>;
  };
  return Resources[id];
}

test.each([
  ["InstanceSilentAlarm", "alarmOnSilentInstances", false],
  ["StaleInstancesAlarm", "alarmOnStaleInstances", true],
])("%s tells somebody by %s alone; %s unless it is set", async (id, setting, byDefault) => {
  expect((await alarmOf(id, {}))?.Properties.ActionsEnabled).toBe(byDefault);
  expect((await alarmOf(id, { [setting]: "true" }))?.Properties.ActionsEnabled).toBe(true);
  expect((await alarmOf(id, { [setting]: "false" }))?.Properties.ActionsEnabled).toBe(false);
  await expect(alarmOf(id, { [setting]: "no" })).rejects.toThrow(`${setting} is no; give true or false.`);
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
