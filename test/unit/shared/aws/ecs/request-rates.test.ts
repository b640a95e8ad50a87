import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import {
  DescribeServicesCommand,
  ECSClient,
  type ECSClientConfig,
  ListServicesCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import {
  keepToEcsRates,
  SHARE_OF_READS,
  SHARE_OF_WRITES,
} from "../../../../../shared/aws/ecs/request-rates.ts";

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

test("an environment updates a tenth as many services as ECS grants the account: 5 at once, 1 in two seconds", async () => {
  const { client, waits } = limitedClient();
  for (let index = 0; index < 7; index += 1) {
    await client.send(new UpdateServiceCommand({ service: "web" }));
  }
  expect(waits).toEqual([2_000, 4_000]);
});

test("all environments that run at a time leave room for others", () => {
  const serverless = readFileSync(new URL("../../../../../serverless.yml", import.meta.url), "utf8");
  const redeploy = serverless.slice(
    serverless.indexOf("\n  redeploy:\n"),
    serverless.indexOf("\n  measure:\n"),
  );
  const atATime = [...redeploy.matchAll(/maximumConcurrency: (\d+)/g)].map(([, count]) => Number(count));
  expect(atATime).toEqual([2, 2]);
  const environments = atATime.reduce((sum, count) => sum + count);
  expect(environments * SHARE_OF_READS).toBeLessThanOrEqual(0.6);
  expect(environments * SHARE_OF_WRITES).toBeLessThanOrEqual(0.4);
});

test("actions of one category share its rate, and take nothing from another", async () => {
  const { client, waits } = limitedClient();
  for (let index = 0; index < 8; index += 1) {
    await client.send(new ListServicesCommand({}));
    await client.send(new DescribeServicesCommand({ services: ["web"] }));
  }
  expect(waits).toEqual([1_000 / 3]);
  await client.send(new UpdateServiceCommand({ service: "web" }));
  expect(waits).toHaveLength(1);
});

test("a repeated attempt takes a turn of its own", async () => {
  const { client, waits, requests } = limitedClient((request) => (request === 5 ? 500 : 200));
  for (let index = 0; index < 5; index += 1) {
    await client.send(new UpdateServiceCommand({ service: "web" }));
  }
  expect(requests()).toBe(6);
  expect(waits).toEqual([2_000]);
});
