import { expect, test } from "vitest";
import { createAuthorizer } from "../../../../../local/aws/access/authorizer.ts";
import { createSecretAccess } from "../../../../../local/aws/secrets/secret-access.ts";
import { createSecretStore } from "../../../../../local/aws/secrets/secret-store.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const roleArn = "arn:aws:iam::000000000000:role/keyturn-dev-verify";
const caller = { accessKeyId: "AKIAVERIFY", roleArn, name: "keyturn-dev-verify" };
const store = createSecretStore(place, () => new Date());
const access = createSecretAccess(place, store);

function createSecret(name: string, tags: Readonly<Record<string, string>>): string {
  const secret = store.create(name);
  for (const [key, value] of Object.entries(tags)) secret.tags.set(key, value);
  return secret.arn;
}

const readIf = (Condition: object, Action = "secretsmanager:GetSecretValue") => ({
  Effect: "Allow",
  Action,
  Resource: "arn:aws:secretsmanager:us-east-1:000000000000:secret:*",
  Condition,
});

test.each([
  { tags: { team: "orders" }, isAllowed: true },
  { tags: { Team: "billing" }, isAllowed: true },
  { tags: { team: "Orders" }, isAllowed: false },
  { tags: { owner: "orders" }, isAllowed: false },
  { tags: {}, isAllowed: false },
])("a condition on a tag holds for a secret with $tags: $isAllowed", async ({ tags, isAllowed }) => {
  const condition = { StringEquals: { "aws:ResourceTag/team": ["orders", "billing"] } };
  const authorizer = await createAuthorizer({ roles: { [roleArn]: [readIf(condition)] } });
  const SecretId = createSecret(`test/${JSON.stringify(tags).replaceAll(/\W/g, "-")}`, tags);
  const check = () => authorizer.check(caller, access("GetSecretValue", { SecretId }));
  if (isAllowed) expect(check).not.toThrow();
  else expect(check).toThrow("is not authorized to perform: secretsmanager:GetSecretValue");
});

test("a condition on a tag is refused where the local run knows no tags", async () => {
  const statement = {
    ...readIf({ StringEquals: { "aws:ResourceTag/team": "orders" } }, "sqs:SendMessage"),
    Resource: "arn:aws:sqs:us-east-1:000000000000:q",
  };
  await expect(createAuthorizer({ roles: { [roleArn]: [statement] } })).rejects.toThrow(
    /aws:ResourceTag\/team is not filled in/,
  );
});
