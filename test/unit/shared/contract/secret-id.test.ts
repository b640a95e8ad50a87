import { expect, test } from "vitest";
import { kindOfSecret, nameOfSecret } from "../../../../shared/contract/secret-id.ts";

test.each([
  [
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-AbCdEf",
    "secrets-manager",
    "prod/db-AbCdEf",
  ],
  ["arn:aws-cn:secretsmanager:cn-north-1:000000000000:secret:db-AbCdEf", "secrets-manager", "db-AbCdEf"],
  ["arn:aws:ssm:us-east-1:000000000000:parameter/prod/key", "parameter", "prod/key"],
  ["vault:kv/app/prod/db", "elsewhere", "vault:kv/app/prod/db"],
  ["gcp:projects/1/secrets/db", "elsewhere", "gcp:projects/1/secrets/db"],
])("knows %s as kept in %s", (id, kind, name) => {
  expect(kindOfSecret(id)).toBe(kind);
  expect(nameOfSecret(id)).toBe(name);
});

test.each([
  "prod/db",
  "arn:aws:rds:us-east-1:000000000000:db:orders",
  "arn:vault:kv/app",
  "ssm:prod/key",
  "vault:",
  "vault:kv app",
  "vault:kv#1",
  "Vault:kv",
  `vault:${"x".repeat(1_100)}`,
  "",
])("takes %j for no secret's id", (id) => {
  expect(kindOfSecret(id)).toBeUndefined();
});
