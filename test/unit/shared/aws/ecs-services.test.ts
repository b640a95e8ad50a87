import type { ContainerDefinition } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import { usesSecret } from "../../../../shared/aws/ecs-services.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const injected = (valueFrom: string): ContainerDefinition => ({ secrets: [{ name: "DB", valueFrom }] });
const told = (value: string): ContainerDefinition => ({ environment: [{ name: "DB_SECRET_ID", value }] });

test.each<{ what: string; container: ContainerDefinition; uses: boolean }>([
  { what: "injects the whole secret", container: injected(secretArn), uses: true },
  { what: "injects one key", container: injected(`${secretArn}:password::`), uses: true },
  { what: "pins a stage", container: injected(`${secretArn}:password:AWSPREVIOUS:`), uses: true },
  {
    what: "pins a version",
    container: injected(`${secretArn}:::9d4cb84b-ad69-40c0-a0ab-cead3EXAMPLE`),
    uses: true,
  },
  { what: "is told the ARN", container: told(secretArn), uses: true },
  { what: "is told the name", container: told("orders/db"), uses: true },
  { what: "injects a secret whose ARN begins alike", container: injected(`${secretArn}x`), uses: false },
  {
    what: "injects a parameter",
    container: injected("arn:aws:ssm:us-east-1:000000000000:parameter/orders"),
    uses: false,
  },
  { what: "has neither", container: {}, uses: false },
])("a container that $what uses the secret: $uses", ({ container, uses }) => {
  expect(usesSecret([{}, container], secretArn)).toBe(uses);
});
