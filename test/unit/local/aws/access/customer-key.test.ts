import { describe, expect, test } from "vitest";
import { readRdsQuery } from "../../../../../local/aws/http/rds-query.ts";
import { createSecretAccess } from "../../../../../local/aws/secrets/secret-access.ts";
import { createSecretStore } from "../../../../../local/aws/secrets/secret-store.ts";

const place = { accountId: "000000000000", region: "us-east-1" };

describe("a secret under a key of the customer's own", () => {
  const store = createSecretStore(place, () => new Date());
  const secret = store.create("orders/db");
  secret.kmsKeyId = "0a1b2c3d";
  const actions = (operation: string) =>
    createSecretAccess(place, store)(operation, { SecretId: "orders/db" }).map(({ action }) => action);

  test("needs that key of whoever reads it, through Secrets Manager", () => {
    const [, key] = createSecretAccess(place, store)("GetSecretValue", { SecretId: secret.arn });
    expect(key).toEqual({
      action: "kms:Decrypt",
      resource: "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d",
      context: { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" },
    });
  });

  test("needs it of whoever writes it, and not of whoever only describes it", () => {
    expect(actions("PutSecretValue")).toEqual([
      "secretsmanager:PutSecretValue",
      "kms:GenerateDataKey",
      "kms:Decrypt",
    ]);
    expect(actions("DescribeSecret")).toEqual(["secretsmanager:DescribeSecret"]);
  });
});

describe("a question to RDS", () => {
  const ask = (fields: Readonly<Record<string, string>>) =>
    readRdsQuery(place, Buffer.from(new URLSearchParams(fields).toString()));

  test.each([
    ["DescribeDBInstances", "DBInstanceIdentifier", "db", "DBInstanceNotFound"],
    ["DescribeDBClusters", "DBClusterIdentifier", "cluster", "DBClusterNotFoundFault"],
  ])("%s needs the permission on what it asks for, and finds nothing", (Action, parameter, kind, code) => {
    const resource = `arn:aws:rds:us-east-1:000000000000:${kind}:orders`;
    const asked = ask({ Action, [parameter]: "orders" });
    expect(asked?.access).toEqual([{ action: `rds:${Action}`, resource }]);
    expect(asked?.answer.code).toBe(code);
    expect(ask({ Action, [parameter]: resource })?.access).toEqual(asked?.access);
  });

  test("any other is not answered", () => {
    expect(ask({ Action: "CreateDBInstance" })).toBeUndefined();
  });
});
