import { expect, test } from "vitest";
import * as z from "zod/mini";
import { readRotationOptions } from "../../../../client/src/core/rotation-options.ts";

const options = { secretId: "orders/db", topicPrefix: "keyturn/test" };

test("SigV4 is for WebSocket alone, and is listed with whatever else is wrong of the channel", () => {
  const signed = { channelUrl: "mqtts://broker.example:8883", channelAuth: "aws-sigv4" } as const;
  expect(() =>
    readRotationOptions({ ...options, ...signed, topicPrefix: undefined }, {}, z.object({})),
  ).toThrow(
    expect.objectContaining({
      code: "CONFIG_INVALID",
      problems: [
        "topicPrefix: required with a channel; give it or set KEYTURN_TOPIC_PREFIX",
        "channelAuth: aws-sigv4 needs a wss:// or ws:// URL as channelUrl",
      ],
    }),
  );
});

test.each(["wss://broker.example/mqtt", "ws://127.0.0.1:9001"])("SigV4 goes with %s", (channelUrl) => {
  const read = readRotationOptions({ ...options, channelUrl, channelAuth: "aws-sigv4" }, {}, z.object({}));
  expect(read.settings.channel).toEqual({ url: channelUrl, topicPrefix: "keyturn/test", auth: "aws-sigv4" });
});

test.each(["orders\u001b[2J", "orders\u202egnp", "x".repeat(257)])(
  "a service name that reports could not carry fails at start, not report by report: %j",
  (service) => {
    expect(() => readRotationOptions({ ...options, service }, {}, z.object({}))).toThrow(
      /service: (has control|must be at most)/,
    );
    expect(() => readRotationOptions(options, { KEYTURN_SERVICE: service }, z.object({}))).toThrow(
      /service: /,
    );
  },
);
