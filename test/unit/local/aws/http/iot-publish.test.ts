import { describe, expect, it } from "vitest";
import { iotPublishAccess, readIotPublish } from "../../../../../local/aws/http/iot-publish.ts";

const read = (path: string, method = "POST") => readIotPublish(method, new URL(path, "http://127.0.0.1"));

describe("readIotPublish", () => {
  it("reads topic, quality of service and retention", () => {
    expect(read("/topics/keyturn%2Fdev%2Fnotices%2Fa%3Ab?qos=1&retain=true")).toEqual({
      topic: "keyturn/dev/notices/a:b",
      qos: 1,
      retain: true,
    });
    expect(read("/topics/t")).toEqual({ topic: "t", qos: 0, retain: false });
  });

  it("leaves other requests alone", () => {
    expect(read("/topics/t", "GET")).toBeUndefined();
    expect(read("/things/t")).toBeUndefined();
  });

  it.each([
    ["a wildcard", "/topics/a%2F%23"],
    ["a topic of more than 256 bytes", `/topics/${"a".repeat(257)}`],
    ["more than seven slashes", `/topics/${"a%2F".repeat(8)}a`],
    ["quality of service 2", "/topics/a?qos=2"],
    ["a broken encoding", "/topics/%E0%A4%A"],
  ])("refuses %s as IoT Core does", (_, path) => {
    expect(() => read(path)).toThrow(expect.objectContaining({ code: "InvalidRequestException" }));
  });

  it("needs a permission of its own to retain", () => {
    const place = { accountId: "000000000000", region: "us-east-1" };
    const resource = "arn:aws:iot:us-east-1:000000000000:topic/a/b";
    expect(iotPublishAccess(place, { topic: "a/b", qos: 1, retain: true })).toEqual([
      { action: "iot:Publish", resource },
      { action: "iot:RetainPublish", resource },
    ]);
  });
});
