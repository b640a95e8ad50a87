import type { ContainerDefinition } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import {
  isNamedInTag,
  type SecretUse,
  secretIdsOf,
  secretUse,
} from "../../../../../shared/aws/ecs/secret-use.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const partialArn = secretArn.slice(0, -7);
const parameterArn = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/db";
const reference = "aws/reference/secretsmanager/orders/db";

const injected = (valueFrom: string): ContainerDefinition => ({ secrets: [{ name: "DB", valueFrom }] });
const logged = (valueFrom: string): ContainerDefinition => ({
  logConfiguration: { logDriver: "splunk", secretOptions: [{ name: "splunk-token", valueFrom }] },
});
const told = (value: string, name = "DB_SECRET_ID"): ContainerDefinition => ({
  environment: [{ name, value }],
});

interface Case {
  readonly what: string;
  readonly container: ContainerDefinition;
  readonly use: SecretUse | undefined;
}

test.each<Case>([
  { what: "injects the whole secret", container: injected(secretArn), use: "current" },
  { what: "injects one key", container: injected(`${secretArn}:password::`), use: "current" },
  { what: "injects by the partial ARN", container: injected(`${partialArn}:password::`), use: "current" },
  {
    what: "names the stage AWSCURRENT",
    container: injected(`${secretArn}:password:AWSCURRENT:`),
    use: "current",
  },
  { what: "pins a stage", container: injected(`${secretArn}:password:AWSPREVIOUS:`), use: "pinned" },
  {
    what: "pins a version",
    container: injected(`${secretArn}:::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE`),
    use: "pinned",
  },
  { what: "gives it to its log driver", container: logged(secretArn), use: "current" },
  { what: "injects it by Parameter Store", container: injected(`/${reference}`), use: "current" },
  {
    what: "injects it by Parameter Store's ARN",
    container: injected(`arn:aws:ssm:us-east-1:000000000000:parameter/${reference}`),
    use: "current",
  },
  {
    what: "injects one of the name from another account",
    container: injected(`arn:aws:ssm:us-east-1:111111111111:parameter/${reference}`),
    use: undefined,
  },
  { what: "is told the ARN", container: told(secretArn), use: "current" },
  { what: "is told the ARN without the suffix", container: told(partialArn), use: "current" },
  { what: "is told the name", container: told("orders/db"), use: "current" },
  {
    what: "has the name in a variable of another meaning",
    container: told("orders/db", "QUEUE"),
    use: undefined,
  },
  { what: "injects a secret whose ARN begins alike", container: injected(`${secretArn}x`), use: undefined },
  { what: "injects a parameter of the same name", container: injected(parameterArn), use: undefined },
  { what: "has neither", container: {}, use: undefined },
])("a container that $what: $use", ({ container, use }) => {
  expect(secretUse([{}, container], secretArn)).toBe(use);
});

test.each<Case>([
  { what: "injects it by ARN", container: injected(parameterArn), use: "current" },
  { what: "injects it by name", container: injected("/orders/db"), use: "current" },
  { what: "pins a version", container: injected("/orders/db:3"), use: "pinned" },
  { what: "pins a version by ARN", container: injected(`${parameterArn}:3`), use: "pinned" },
  { what: "is told the ARN", container: told(parameterArn, "CONFIG"), use: "current" },
  { what: "is told the name", container: told("/orders/db"), use: "current" },
  { what: "injects one below it", container: injected("/orders/db/password"), use: undefined },
  {
    what: "injects one of the name from another Region",
    container: injected(parameterArn.replace("us-east-1", "eu-west-1")),
    use: undefined,
  },
  { what: "injects a secret of the name", container: injected(secretArn), use: undefined },
])("a container that $what, of a parameter: $use", ({ container, use }) => {
  expect(secretUse([container], parameterArn)).toBe(use);
});

test("an id of one's own counts wherever a variable holds it", () => {
  expect(secretUse([told("vault:kv/app/prod/db", "VAULT_PATH")], "vault:kv/app/prod/db")).toBe("current");
});

test.each([
  {
    what: "one container of two pins",
    containers: [injected(`${secretArn}::AWSPREVIOUS:`), told(secretArn)],
  },
  {
    what: "one variable of two pins",
    containers: [
      { secrets: [secretArn, `${secretArn}::AWSPREVIOUS:`].map((valueFrom) => ({ name: "DB", valueFrom })) },
    ],
  },
])("what $what is pinned in part", ({ containers }) => {
  expect(secretUse(containers, secretArn)).toBe("partly-pinned");
  expect(secretUse(containers.toReversed(), secretArn)).toBe("partly-pinned");
});

test.each([
  { tag: secretArn, id: secretArn, isNamed: true },
  { tag: "payments/api orders/db", id: secretArn, isNamed: true },
  { tag: "payments/api,orders/db", id: secretArn, isNamed: true },
  { tag: partialArn, id: secretArn, isNamed: true },
  { tag: "/orders/db", id: parameterArn, isNamed: true },
  { tag: "vault:kv/app/prod/db", id: "vault:kv/app/prod/db", isNamed: true },
  { tag: "orders/db2", id: secretArn, isNamed: false },
  { tag: "", id: secretArn, isNamed: false },
])("the tag `$tag` names $id: $isNamed", ({ tag, id, isNamed }) => {
  expect(isNamedInTag(tag, id)).toBe(isNamed);
});

test("secrets are named by all that new tasks read as it is then", () => {
  const containers = [
    {
      secrets: [
        `${secretArn}:password::`,
        `${partialArn}2`,
        `${secretArn}3:::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE`,
        parameterArn,
        "/mails/api",
        "/mails/pinned:3",
        `/${reference}`,
        `arn:aws:ssm:us-east-1:000000000000:parameter/${reference}`,
      ].map((valueFrom) => ({ name: "DB", valueFrom })),
    },
    logged(`${secretArn}4`),
    told(secretArn, "CONFIG"),
    told("payments/db"),
    told("eu-west-1", "AWS_REGION"),
  ];
  expect(secretIdsOf(containers, "payments/db vault:kv/app,")).toEqual([
    secretArn,
    `${partialArn}2`,
    parameterArn,
    "/mails/api",
    "orders/db",
    partialArn,
    `${secretArn}4`,
    "payments/db",
    "vault:kv/app",
  ]);
});
