import { expect, test } from "vitest";
import { findChannelUrl, signChannelUrl } from "../../../../cli/src/aws/channel-url.ts";
import { describeFailure } from "../../../../cli/src/describe-failure.ts";
import { EXIT } from "../../../../cli/src/exit-code.ts";

const signer = {
  region: "eu-west-1",
  keys: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "first-EXAMPLE", sessionToken: "token/EXAMPLE==" },
};

test("the account's broker is asked for by a signed request", async () => {
  const asked: { url: string; authorization: string }[] = [];
  const request: typeof fetch = async (url, init) => {
    asked.push({ url: String(url), authorization: new Headers(init?.headers).get("authorization") ?? "" });
    return Response.json({ endpointAddress: "abc-ats.iot.eu-west-1.amazonaws.com" });
  };
  expect(await findChannelUrl(signer, request)).toBe("wss://abc-ats.iot.eu-west-1.amazonaws.com/mqtt");
  expect(asked).toEqual([
    {
      url: "https://iot.eu-west-1.amazonaws.com/endpoint?endpointType=iot%3AData-ATS",
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/iot\/aws4_request, SignedHeaders=[\w;-]*host/,
      ),
    },
  ]);
});

test("a refusal keeps AWS's name and sentence", async () => {
  const request: typeof fetch = async () =>
    Response.json(
      { message: "User x is not authorized to perform: iot:DescribeEndpoint" },
      { status: 403, headers: { "x-amzn-errortype": "AccessDeniedException:http://internal" } },
    );
  const refusal = await findChannelUrl(signer, request).catch((error: unknown) => error);
  expect(describeFailure(refusal)).toMatchObject({
    exitCode: EXIT.notAllowed,
    message: expect.stringContaining("iot:DescribeEndpoint"),
  });
});

test("a signed URL has the session token beside the signature, which leaves it out", async () => {
  const url = new URL(await signChannelUrl("wss://abc-ats.iot.eu-west-1.amazonaws.com", signer));
  expect(url.pathname).toBe("/mqtt");
  expect(url.searchParams.get("X-Amz-Security-Token")).toBe("token/EXAMPLE==");
  expect(url.searchParams.get("X-Amz-SignedHeaders")).toBe("host");
  expect(url.searchParams.get("X-Amz-Credential")).toContain("/eu-west-1/iotdevicegateway/aws4_request");
  expect(url.searchParams.get("X-Amz-Signature")).toMatch(/^[\da-f]{64}$/);
});
