import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { RDSClient } from "@aws-sdk/client-rds";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createDatabases, type Databases } from "../../../shared/aws/databases.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";

const INSTANCE = "arn:aws:rds:eu-west-1:000000000000:db:orders";
const CLUSTER = "arn:aws:rds:eu-west-1:000000000000:cluster:orders";
const SECRET = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:rds!db-0a1b-AbCdEf";
const calls: { request: IncomingMessage; form: URLSearchParams }[] = [];
let answers: { status: number; body: string }[];
let server: Server;
let client: RDSClient;
let databases: Databases;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    calls.push({ request, form: new URLSearchParams(await text(request)) });
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? failure(500, "None");
    response.writeHead(status, { "content-type": "text/xml" }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  client = new RDSClient({
    region: "eu-west-1",
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "EXAMPLE", sessionToken: "TOKEN" },
  });
  databases = createDatabases(client);
});
beforeEach(() => {
  calls.length = 0;
});
afterAll(() => {
  client.destroy();
  server.close();
  server.closeAllConnections();
});

const ok = (body: string) => ({ status: 200, body });
const failure = (status: number, code: string) => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>…</Message></Error></ErrorResponse>`,
});

/** As https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html shows it, cut. */
const describeInstances = (
  more = "",
) => `<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
  <DescribeDBInstancesResult><DBInstances><DBInstance>
    <DBInstanceStatus>available</DBInstanceStatus>
    <Engine>mariadb</Engine><EngineVersion>10.11.6</EngineVersion>
    <DBName>shop&amp;co</DBName>
    <Endpoint><Port>3307</Port><HostedZoneId>Z1</HostedZoneId><Address>orders.abc.eu-west-1.rds.amazonaws.com</Address></Endpoint>
    <DbInstancePort>0</DbInstancePort>
    ${more}
  </DBInstance></DBInstances></DescribeDBInstancesResult>
</DescribeDBInstancesResponse>`;
const MASTER = `<MasterUserSecret><SecretArn>${SECRET}</SecretArn><SecretStatus>active</SecretStatus></MasterUserSecret>`;

const describeClusters = `<DescribeDBClustersResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
  <DescribeDBClustersResult><DBClusters><DBCluster>
    <Endpoint>orders.cluster-abc.eu-west-1.rds.amazonaws.com</Endpoint>
    <ReaderEndpoint>orders.cluster-ro-abc.eu-west-1.rds.amazonaws.com</ReaderEndpoint>
    <Engine>aurora-postgresql</Engine><Port>5432</Port>
    ${MASTER}
  </DBCluster></DBClusters></DescribeDBClustersResult>
</DescribeDBClustersResponse>`;

test("finds an instance by its ARN, with a call that is signed", async () => {
  answers = [ok(describeInstances(MASTER))];
  expect(await databases.find(INSTANCE)).toEqual({
    engine: "mariadb",
    host: "orders.abc.eu-west-1.rds.amazonaws.com",
    port: 3_307,
    database: "shop&co",
    masterSecretArn: SECRET,
  });
  const [call] = calls;
  expect(Object.fromEntries(call?.form ?? [])).toEqual({
    Action: "DescribeDBInstances",
    Version: "2014-10-31",
    DBInstanceIdentifier: INSTANCE,
  });
  expect(call?.request.headers).toMatchObject({
    "x-amz-security-token": "TOKEN",
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/rds\/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$/,
    ),
  });
});

test("finds a cluster's endpoint for writing", async () => {
  answers = [ok(describeClusters)];
  expect(await databases.find(CLUSTER)).toEqual({
    engine: "aurora-postgresql",
    host: "orders.cluster-abc.eu-west-1.rds.amazonaws.com",
    port: 5_432,
    masterSecretArn: SECRET,
  });
  expect(Object.fromEntries(calls[0]?.form ?? [])).toMatchObject({ DBClusterIdentifier: CLUSTER });
});

test("tells of no secret where RDS does not manage the password", async () => {
  answers = [ok(describeInstances())];
  expect(await databases.find(INSTANCE)).toMatchObject({ masterSecretArn: undefined });
});

test("knows nothing of a database that is gone, or has no address yet", async () => {
  answers = [failure(404, "DBInstanceNotFound")];
  expect(await databases.find(INSTANCE)).toBeUndefined();
  answers = [failure(404, "DBClusterNotFoundFault")];
  expect(await databases.find(CLUSTER)).toBeUndefined();
  answers = [ok("<DBInstance><Engine>mysql</Engine></DBInstance>")];
  expect(await databases.find(INSTANCE)).toBeUndefined();
  expect(calls).toHaveLength(3);
});

test("asks again where RDS throttles", async () => {
  answers = [failure(400, "Throttling"), failure(503, "ServiceUnavailable"), ok(describeClusters)];
  expect(await databases.find(CLUSTER)).toMatchObject({ engine: "aurora-postgresql" });
});

test("gives up with what RDS says, and without what it says of the caller", async () => {
  answers = [failure(403, "AccessDenied")];
  await expect(databases.find(CLUSTER)).rejects.toBeInstanceOf(DependencyError);
  await expect(databases.find(CLUSTER)).rejects.toThrow("RDS does not tell of the database (AccessDenied)");
});
