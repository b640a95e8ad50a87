import { describe, expect, test } from "vitest";
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
