import type { ContainerDefinition } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import { type SecretUse, secretUse } from "../../../../shared/aws/ecs-services.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const injected = (valueFrom: string): ContainerDefinition => ({ secrets: [{ name: "DB", valueFrom }] });
const told = (value: string, name = "DB_SECRET_ID"): ContainerDefinition => ({
  environment: [{ name, value }],
});
const partialArn = secretArn.slice(0, -7);

test.each<{ what: string; container: ContainerDefinition; use: SecretUse | undefined }>([
  { what: "injects the whole secret", container: injected(secretArn), use: "current" },
  { what: "injects one key", container: injected(`${secretArn}:password::`), use: "current" },
  {
    what: "injects by an ARN without the suffix",
    container: injected(`${partialArn}:password::`),
    use: "current",
  },
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
  { what: "is told the ARN", container: told(secretArn), use: "current" },
  { what: "is told the ARN without the suffix", container: told(partialArn), use: "current" },
  { what: "is told the name", container: told("orders/db"), use: "current" },
  {
    what: "has the name in a variable of another meaning",
    container: told("orders/db", "QUEUE"),
    use: undefined,
  },
  { what: "injects a secret whose ARN begins alike", container: injected(`${secretArn}x`), use: undefined },
  {
    what: "injects a parameter",
    container: injected("arn:aws:ssm:us-east-1:000000000000:parameter/orders"),
    use: undefined,
  },
  { what: "has neither", container: {}, use: undefined },
])("a container that $what: $use", ({ container, use }) => {
  expect(secretUse([{}, container], secretArn)).toBe(use);
});

test("follows the secret where one container of several does", () => {
  expect(secretUse([injected(`${secretArn}::AWSPREVIOUS:`), told(secretArn)], secretArn)).toBe("current");
});
