import { Readable } from "node:stream";
import {
  DescribeServicesCommand,
  ECSClient,
  type ECSClientConfig,
  ListServicesCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import { keepToEcsRates } from "../../../../../shared/aws/ecs/request-rates.ts";

/** A client whose requests are answered here, and whose waits for a turn take no time. */
function limitedClient(statusOf: (request: number) => number = () => 200) {
  const waits: number[] = [];
  let requests = 0;
  const requestHandler = {
    handle: async () => {
      requests += 1;
      const statusCode = statusOf(requests);
      const body = Readable.from([Buffer.from(statusCode === 200 ? "{}" : '{"__type":"ServerException"}')]);
      return { response: { statusCode, headers: { "content-type": "application/x-amz-json-1.1" }, body } };
    },
  } as unknown as NonNullable<ECSClientConfig["requestHandler"]>;
  const credentials = { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" };
  const client = new ECSClient({ region: "us-east-1", credentials, requestHandler });
  const clock = { now: () => 0, wait: async (ms: number) => void waits.push(ms) };
  return { client: keepToEcsRates(client, clock), waits, requests: () => requests };
}

test("an environment updates a fifth as many services as ECS grants the account: 10 at once, 1 a second", async () => {
  const { client, waits } = limitedClient();
  for (let index = 0; index < 12; index += 1) {
    await client.send(new UpdateServiceCommand({ service: "web" }));
  }
  expect(waits).toEqual([1_000, 2_000]);
});

test("actions of one category share its rate, and take nothing from another", async () => {
  const { client, waits } = limitedClient();
  for (let index = 0; index < 26; index += 1) {
    await client.send(new ListServicesCommand({}));
    await client.send(new DescribeServicesCommand({ services: ["web"] }));
  }
  expect(waits).toEqual([100, 200]);
  await client.send(new UpdateServiceCommand({ service: "web" }));
  expect(waits).toHaveLength(2);
});

test("a repeated attempt takes a turn of its own", async () => {
  const { client, waits, requests } = limitedClient((request) => (request === 10 ? 500 : 200));
  for (let index = 0; index < 10; index += 1) {
    await client.send(new UpdateServiceCommand({ service: "web" }));
  }
  expect(requests()).toBe(11);
  expect(waits).toEqual([1_000]);
});
