import { describe, expect, test } from "vitest";
import { AwsError } from "../../../../../local/aws/aws-error.ts";
import { queryXml, readQuery } from "../../../../../local/aws/http/query-protocol.ts";
import type { Caller } from "../../../../../local/aws/service.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const operator: Caller = { accessKeyId: "AKIAOPERATOR", name: "operator" };
const ask = (fields: Readonly<Record<string, string>>, caller = operator) =>
  readQuery(place, Buffer.from(new URLSearchParams(fields).toString()), caller);

describe("a question to RDS", () => {
  test.each([
    ["DescribeDBInstances", "DBInstanceIdentifier", "db", "DBInstanceNotFound"],
    ["DescribeDBClusters", "DBClusterIdentifier", "cluster", "DBClusterNotFoundFault"],
  ])("%s needs the permission on what it asks for, and finds nothing", (Action, parameter, kind, code) => {
    const resource = `arn:aws:rds:us-east-1:000000000000:${kind}:orders`;
    const asked = ask({ Action, [parameter]: "orders" });
    expect(asked?.access).toEqual([{ action: `rds:${Action}`, resource }]);
    expect(asked?.answer).toMatchObject({ code });
    expect(ask({ Action, [parameter]: resource })?.access).toEqual(asked?.access);
  });
});

test("STS tells everybody who they are", () => {
  expect(ask({ Action: "GetCallerIdentity" })).toEqual({
    action: "GetCallerIdentity",
    access: [],
    answer: {
      Arn: "arn:aws:iam::000000000000:user/operator",
      UserId: "AKIAOPERATOR",
      Account: "000000000000",
    },
  });
  const roleArn = "arn:aws:iam::000000000000:role/keyturn-dev-notify";
  expect(
    ask({ Action: "GetCallerIdentity" }, { ...operator, name: "notify", roleArn })?.answer,
  ).toMatchObject({ Arn: "arn:aws:sts::000000000000:assumed-role/keyturn-dev-notify/notify" });
});

test("any other question is not answered", () => {
  expect(ask({ Action: "CreateDBInstance" })).toBeUndefined();
});

test("answers are XML, with what XML takes for itself written out", () => {
  expect(queryXml("GetThing", { Name: "a<b&c" })).toBe(
    "<GetThingResponse><GetThingResult><Name>a&lt;b&amp;c</Name></GetThingResult></GetThingResponse>",
  );
  expect(queryXml("GetThing", new AwsError("NoThing", "none & <none>", 404))).toContain(
    "<Code>NoThing</Code><Message>none &amp; &lt;none></Message>",
  );
});
