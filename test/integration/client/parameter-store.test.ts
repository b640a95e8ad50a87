import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { watchSecret } from "../../../client/src/index.ts";
import { createParameterStoreSource } from "../../../client/src/sources/parameter-store.ts";

const arn = "arn:aws:ssm:us-east-1:000000000000:parameter/payments/key";

/** Stand-in for Systems Manager: one parameter, answered in its wire format. */
const stored = { value: "key-1-EXAMPLE", version: 1, failure: undefined as string | undefined };
const asked: unknown[] = [];
const server = createServer(async (request, response) => {
  asked.push({ target: request.headers["x-amz-target"], input: await json(request) });
  response.setHeader("content-type", "application/x-amz-json-1.1");
  const parameter = { ARN: arn, Name: "/payments/key", Version: stored.version, Value: stored.value };
  if (stored.failure) response.writeHead(400).end(JSON.stringify({ __type: stored.failure }));
  else response.end(JSON.stringify({ Parameter: parameter }));
});
let client: SSMClient;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The stand-in listens on no port");
  client = new SSMClient({
    endpoint: `http://127.0.0.1:${address.port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "EXAMPLE", secretAccessKey: "EXAMPLE" },
    maxAttempts: 1,
  });
});
beforeEach(() => {
  Object.assign(stored, { value: "key-1-EXAMPLE", version: 1, failure: undefined });
  asked.length = 0;
});
afterAll(async () => {
  client.destroy();
  server.close();
  await once(server, "close");
});

test("a parameter's newest version is the current one, decrypted", async () => {
  const source = createParameterStoreSource(client);
  const version = await source.readCurrent(arn);
  expect(version).toMatchObject({ secretArn: arn, versionId: "1", labels: ["AWSCURRENT"] });
  expect(version.value.reveal()).toBe("key-1-EXAMPLE");
  expect(asked).toEqual([{ target: "AmazonSSM.GetParameter", input: { Name: arn, WithDecryption: true } }]);
});

test("the poll follows a parameter", async () => {
  const key = await watchSecret(arn, { secrets: createParameterStoreSource(client), refreshIntervalMs: 20 });
  expect(key.current.versionId).toBe("1");
  Object.assign(stored, { value: "key-2-EXAMPLE", version: 2 });
  await vi.waitFor(() => expect(key.current.value.reveal()).toBe("key-2-EXAMPLE"));
  await key.close();
});

test.each([
  ["ParameterNotFound", "SECRET_NOT_FOUND"],
  ["AccessDeniedException", "SECRET_ACCESS_DENIED"],
  ["InternalServerError", "DEPENDENCY_FAILED"],
])("%s is %s, with the remedy where there is one", async (failure, code) => {
  stored.failure = failure;
  await expect(createParameterStoreSource(client).readCurrent(arn)).rejects.toMatchObject({ code });
});
