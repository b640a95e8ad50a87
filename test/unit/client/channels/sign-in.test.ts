import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { channelAuthOf, iotRegionOf, presignConnect } from "../../../../client/src/channels/sign-in.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "first/EXAMPLE+token==",
};
const host = "abc123-ats.iot.eu-west-1.amazonaws.com";
const signingDate = new Date("2026-01-02T03:04:05.678Z");
const presign = (options: Partial<Parameters<typeof presignConnect>[0]> = {}) =>
  presignConnect({
    url: `wss://${host}/mqtt`,
    region: "eu-west-1",
    credentials: async () => credentials,
    signingDate,
    ...options,
  });

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, step by step. */
function signatureBySpecification(secretAccessKey: string): string {
  const scope = "20260102/eu-west-1/iotdevicegateway/aws4_request";
  const query = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    `X-Amz-Credential=AKIDEXAMPLE%2F${scope.replaceAll("/", "%2F")}`,
    "X-Amz-Date=20260102T030405Z",
    "X-Amz-Expires=86400",
    "X-Amz-SignedHeaders=host",
  ].join("&");
  const canonicalRequest = ["GET", "/mqtt", query, `host:${host}`, "", "host", sha256("")].join("\n");
  const stringToSign = ["AWS4-HMAC-SHA256", "20260102T030405Z", scope, sha256(canonicalRequest)].join("\n");
  const signingKey = ["eu-west-1", "iotdevicegateway", "aws4_request"].reduce(
    hmac,
    hmac(`AWS4${secretAccessKey}`, "20260102"),
  );
  return hmac(signingKey, stringToSign).toString("hex");
}

test("a connect is signed as the specification of SigV4 has it, and the session token is added after signing", async () => {
  const url = new URL(await presign());
  expect(url.origin + url.pathname).toBe(`wss://${host}/mqtt`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKIDEXAMPLE/20260102/eu-west-1/iotdevicegateway/aws4_request",
    "X-Amz-Date": "20260102T030405Z",
    "X-Amz-Expires": "86400",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": signatureBySpecification(credentials.secretAccessKey),
    "X-Amz-Security-Token": credentials.sessionToken,
  });
});

test("the long-lived keys of a user need no session token", async () => {
  const { sessionToken: _none, ...keys } = credentials;
  const url = new URL(await presign({ credentials: async () => keys }));
  expect(url.searchParams.has("X-Amz-Security-Token")).toBe(false);
  expect(url.searchParams.get("X-Amz-Signature")).toBe(signatureBySpecification(credentials.secretAccessKey));
});

test.each([`wss://${host}`, `wss://${host}/`, `wss://${host}:443/mqtt`])(
  "%s leads to the one address that IoT Core has",
  async (url) => {
    expect(await presign({ url })).toBe(await presign());
  },
);

test("a port that is not the protocol's own is signed as part of the host", async () => {
  const [with8443, with9443] = await Promise.all(
    [8443, 9443].map(async (port) => new URL(await presign({ url: `wss://${host}:${port}/mqtt` }))),
  );
  expect(with8443?.host).toBe(`${host}:8443`);
  expect(with8443?.searchParams.get("X-Amz-Signature")).not.toBe(
    with9443?.searchParams.get("X-Amz-Signature"),
  );
});

test("what the provider of credentials fails on is handed on", async () => {
  const failing = presign({ credentials: () => Promise.reject(new Error("Could not load credentials")) });
  await expect(failing).rejects.toThrow("Could not load credentials");
});

test.each([
  ["abc123-ats.iot.us-east-1.amazonaws.com", "us-east-1"],
  ["ABC123-ATS.IOT.EU-WEST-1.AMAZONAWS.COM", "eu-west-1"],
  ["data-ats.iot.eu-central-1.api.aws", "eu-central-1"],
  ["data.iot-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
  ["data-ats.iot-fips.us-east-2.api.aws", "us-east-2"],
  ["abc123.ats.iot.cn-north-1.amazonaws.com.cn", "cn-north-1"],
  ["mqtt.example.com", undefined],
  ["iot.us-east-1.amazonaws.com.example.com", undefined],
  ["evil-iot.us-east-1.amazonaws.com", undefined],
  ["127.0.0.1", undefined],
])("the Region of %s is %s, and where there is one the connect is signed", (name, region) => {
  expect(iotRegionOf(`wss://${name}/mqtt`)).toBe(region);
  expect(channelAuthOf(`wss://${name}/mqtt`)).toBe(region ? "aws-sigv4" : "none");
});

test("how to sign in may be given: a custom domain of IoT Core is not known by its name", () => {
  expect(channelAuthOf("wss://mqtt.example.com", "aws-sigv4")).toBe("aws-sigv4");
  expect(channelAuthOf(`wss://${host}/mqtt`, "none")).toBe("none");
});

test("SigV4 is for WebSocket alone", () => {
  expect(channelAuthOf(`mqtts://${host}:8883`)).toBe("none");
  expect(() => channelAuthOf(`mqtts://${host}:8883`, "aws-sigv4")).toThrow(
    "channelAuth: aws-sigv4 needs a wss:// or ws:// URL as channelUrl",
  );
});
