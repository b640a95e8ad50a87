import { expect, test } from "vitest";
import { chooseLocalRun } from "../../../../cli/src/place/local-runs.ts";
import { findPlace } from "../../../../cli/src/place/place.ts";
import { findQueue, stageNames } from "../../../../cli/src/place/stage-names.ts";
import { createSuggest } from "../../../../cli/src/place/suggest.ts";

const run = (port: number, stage = "local") => ({
  pid: 1,
  stage,
  region: "us-east-1",
  awsEndpoint: `http://127.0.0.1:${port}`,
  channelUrl: "ws://127.0.0.1:2/mqtt",
  accessKeyId: "LOCALEXAMPLE",
  secretAccessKey: "first-EXAMPLE",
});

test("the one local run is taken; of several, that of the port or the stage", () => {
  const [one, other] = [run(4001), run(4002, "mine")];
  expect(chooseLocalRun([one])).toBe(one);
  expect(chooseLocalRun([one, other], { port: 4002 })).toBe(other);
  expect(chooseLocalRun([one, other], { stage: "mine" })).toBe(other);
});

test("where no local run fits, or several do, it says what there is and what to do", () => {
  expect(() => chooseLocalRun([])).toThrow("No local run is up. Start one by npm run local.");
  expect(() => chooseLocalRun([run(4001)], { port: 4009 })).toThrow(
    "No local run on port 4009 is up. There are: 4001 (stage local).",
  );
  expect(() => chooseLocalRun([run(4001)], { stage: "mine" })).toThrow("No local run of stage mine is up.");
  expect(() => chooseLocalRun([run(4001), run(4002)])).toThrow(
    "say which by --local-port: 4001 (stage local), 4002 (stage local).",
  );
});

test("a stage comes from the option, else from KEYTURN_STAGE, else it is dev as sls has it", async () => {
  const stageOf = async (options: object, environment: Record<string, string>) =>
    (await findPlace(options, environment)).names.stage;
  expect(await stageOf({ stage: "prod" }, { KEYTURN_STAGE: "staging" })).toBe("prod");
  expect(await stageOf({}, { KEYTURN_STAGE: "staging" })).toBe("staging");
  expect(await stageOf({}, {})).toBe("dev");
});

test("a suggested command names the place of the present one", async () => {
  const suggested = async (options: object, environment: Record<string, string> = {}) => {
    const { suggest } = await findPlace(options, environment);
    return [suggest.keyturn("replay", "notify"), suggest.aws("sqs", "list-queues"), suggest.deploy()];
  };
  expect(await suggested({}, { KEYTURN_STAGE: "prod" })).toEqual([
    "keyturn replay notify --stage prod",
    "aws sqs list-queues",
    "npm run -s sls -- deploy --stage prod",
  ]);
  expect(await suggested({ stage: "prod", region: "eu-west-1", profile: "ops" })).toEqual([
    "keyturn replay notify --stage prod --region eu-west-1 --profile ops",
    "aws sqs list-queues --region eu-west-1 --profile ops",
    "npm run -s sls -- deploy --stage prod --region eu-west-1 --aws-profile ops",
  ]);
});

test("a suggested command is one that a shell takes as it stands", () => {
  const { keyturn } = createSuggest("local", { local: true, localPort: 4001 });
  expect(keyturn("status", "rds!db-1")).toBe(
    "keyturn status 'rds!db-1' --stage local --local --local-port 4001",
  );
  expect(keyturn("status", "it's $HOME")).toContain(` 'it'\\''s $HOME' `);
});

test("Region and profile are given to the SDK only where they were given", async () => {
  expect((await findPlace({}, {})).client).toEqual({});
  const { client, channelUrl } = await findPlace(
    { region: "eu-west-1", profile: "ops" },
    { KEYTURN_CHANNEL_URL: "wss://broker.example" },
  );
  expect(client).toEqual({ region: "eu-west-1", profile: "ops" });
  expect(channelUrl).toBe("wss://broker.example");
});

test("a queue is known by its own name, its dead-letter queue's, its handler's, with the stage or without", () => {
  const names = stageNames("prod");
  for (const text of [
    "reports",
    "acknowledge",
    "reports-dead-letters",
    "keyturn-prod-reports-dead-letters",
  ]) {
    expect(findQueue(text, names), text).toBe("reports");
  }
  expect(findQueue("redeploy", names)).toBe("redeploy");
  expect(findQueue("keyturn-staging-reports", names)).toBeUndefined();
  expect(findQueue("", names)).toBeUndefined();
});
