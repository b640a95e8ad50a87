import { describe, expect, test } from "vitest";
import {
  errorTypeOf,
  givePoolNameBack,
  secretNameOf,
  takePoolName,
} from "../../../../client/src/telemetry/names.ts";
import { KeyturnError } from "../../../../shared/contract/errors.ts";

describe("the name of a secret", () => {
  test.each([
    ["arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-OurebW", "orders/db"],
    ["arn:aws-cn:secretsmanager:cn-north-1:000000000000:secret:orders-db-OurebW", "orders-db"],
    ["arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db", "orders/db"],
    ["arn:aws:ssm:us-east-1:000000000000:parameter/orders/db", "orders/db"],
  ])("is taken from the ARN %s, without account and suffix", (secretId, name) => {
    expect(secretNameOf(secretId)).toBe(name);
  });

  test.each(["orders/db", "orders/db-OurebW", "environment"])(
    "is %s itself where no ARN is given",
    (name) => {
      expect(secretNameOf(name)).toBe(name);
    },
  );
});

test("the type of an error is its code, else its class, and never its message", () => {
  expect(errorTypeOf(Object.assign(new Error("10.0.0.1"), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
  expect(errorTypeOf(new KeyturnError("SECRET_NOT_FOUND", "arn"))).toBe("SECRET_NOT_FOUND");
  expect(errorTypeOf(Object.assign(new TypeError("10.0.0.1"), { code: 7 }))).toBe("TypeError");
  expect(errorTypeOf("10.0.0.1")).toBe("_OTHER");
});

test("no two pools have one name at the same time, and a name that is given back is the next one's", () => {
  expect([takePoolName("orders"), takePoolName("orders"), takePoolName("orders")]).toEqual([
    "orders",
    "orders#2",
    "orders#3",
  ]);
  givePoolNameBack("orders#2");
  expect(takePoolName("orders")).toBe("orders#2");
});
