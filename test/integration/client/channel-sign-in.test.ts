import { expect, test, vi } from "vitest";
import type { AwsCredentials } from "../../../client/src/channels/sign-in.ts";
import { announce, FIRST, PATIENT, setUpSignedChannels, TOPIC } from "./signed-channel.ts";

const { start, open } = setUpSignedChannels();

test.each([
  ["a role's, with their session token", FIRST],
  ["a user's, without one", { accessKeyId: "AKIDUSER", secretAccessKey: "user-EXAMPLE" }],
])("keys that are %s open the channel, and notices come through it", async (_whose, keys) => {
  const { broker } = await start();
  broker.registerCaller(keys);
  const heard = open(broker.webSocketUrl, keys);
  await vi.waitFor(() => expect(heard.subscribed).toBe(1));
  await announce(broker, "00000000-0000-4000-8000-000000000001");
  await vi.waitFor(() => expect(heard.notices).toHaveLength(1));
  expect(heard.lost).toEqual([]);
});

test.each<[string, AwsCredentials, RegExp]>([
  ["with a wrong secret key", { ...FIRST, secretAccessKey: "other-EXAMPLE" }, /does not match/],
  [
    "with a wrong session token",
    { ...FIRST, sessionToken: "other-EXAMPLE" },
    /session token .* missing or wrong/,
  ],
  ["without the session token", { ...FIRST, sessionToken: undefined }, /session token/],
  ["with an unknown access key", { ...FIRST, accessKeyId: "AKIDOTHER" }, /AKIDOTHER is not known/],
])(
  "%s the broker answers 403; the log says what to check, and it is tried again",
  async (_what, wrong, why) => {
    const { broker, refusals } = await start();
    broker.registerCaller(FIRST);
    const heard = open(broker.webSocketUrl, wrong);
    await vi.waitFor(() => expect(refusals().length).toBeGreaterThanOrEqual(3), PATIENT);
    expect(refusals()[0]).toMatch(why);
    expect(heard.subscribed).toBe(0);
    expect(heard.lost).toHaveLength(1);
    expect(heard.lost[0]).toMatch(/403; check this machine's clock, its AWS credentials, .* Region/);
    expect(heard.warnings).toEqual([expect.objectContaining({ reason: heard.lost[0] })]);

    heard.credentials = FIRST;
    await vi.waitFor(() => expect(heard.subscribed).toBe(1), PATIENT);
  },
);

test.each([
  ["has expired", 25 * 3_600_000],
  ["is of the future", -10 * 60_000],
])(
  "a signature that %s by the broker's clock is refused, and taken when the clocks agree",
  async (_what, ms) => {
    let aheadMs = ms;
    const { broker, refusals } = await start({ now: () => new Date(Date.now() + aheadMs) });
    broker.registerCaller(FIRST);
    const heard = open(broker.webSocketUrl, FIRST);
    await vi.waitFor(() => expect(refusals()[0]).toMatch(/has expired|not valid yet/));
    aheadMs = 0;
    await vi.waitFor(() => expect(heard.subscribed).toBe(1), PATIENT);
  },
);

test("without credentials the channel waits for them, and warns once", async () => {
  const { broker } = await start();
  broker.registerCaller(FIRST);
  let asked = 0;
  const heard = open(broker.webSocketUrl, FIRST, {
    credentials: () => {
      asked += 1;
      return asked < 3 ? Promise.reject(new Error("Could not load credentials")) : Promise.resolve(FIRST);
    },
  });
  await vi.waitFor(() => expect(heard.subscribed).toBe(1), PATIENT);
  expect(heard.lost).toEqual(["Could not load credentials"]);
  expect(heard.warnings).toHaveLength(1);
});

test("a policy that does not allow the subscription closes the connection, and the log says what was missing", async () => {
  const { broker, log } = await start();
  const mayOnly = (allowed: string) => (action: string, resource: string) => {
    if (action !== allowed) throw new Error(`not authorized to perform: ${action} on ${resource}`);
  };
  broker.registerCaller({ ...FIRST, authorize: mayOnly("iot:Connect") });
  const heard = open(broker.webSocketUrl, FIRST);
  await vi.waitFor(() =>
    expect(log.join("\n")).toContain(`not authorized to perform: iot:Subscribe on topicfilter/${TOPIC}`),
  );
  await vi.waitFor(() => expect(heard.lost).toHaveLength(1));
  broker.registerCaller(FIRST);
  await vi.waitFor(() => expect(heard.subscribed).toBe(1), PATIENT);
});

test("channels of one process do not push each other out", async () => {
  const { broker } = await start();
  const ids: string[] = [];
  broker.registerCaller({
    ...FIRST,
    authorize: (action, resource) => {
      if (action === "iot:Connect") ids.push(resource);
    },
  });
  const instanceId = "arn:aws:ecs:us-east-1:000000000000:task/local/0123456789abcdef0123456789abcdef";
  const opened = Array.from({ length: 5 }, () => open(broker.webSocketUrl, FIRST, { instanceId }));
  await vi.waitFor(() => expect(opened.map(({ subscribed }) => subscribed)).toEqual([1, 1, 1, 1, 1]));
  await announce(broker, "00000000-0000-4000-8000-000000000003");
  await vi.waitFor(() => expect(opened.map(({ notices }) => notices.length)).toEqual([1, 1, 1, 1, 1]));
  expect(new Set(ids).size).toBe(5);
  for (const id of ids) expect(id).toMatch(/^client\/keyturn-0123456789abcdef0123456789abcdef-/);
});
