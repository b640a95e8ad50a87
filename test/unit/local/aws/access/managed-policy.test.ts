import { expect, test } from "vitest";
import { createAuthorizer } from "../../../../../local/aws/access/authorizer.ts";

const roleArn = "arn:aws:iam::000000000000:role/task";
const policyArn = "arn:aws:iam::000000000000:policy/subscriber";
const caller = { accessKeyId: "AKIDEXAMPLE", name: "task", roleArn };
const client = (id: string) => `arn:aws:iot:us-east-1:000000000000:client/${id}`;
const topic = "arn:aws:iot:us-east-1:000000000000:topic/a";
const mayConnect = { Effect: "Allow", Action: "iot:Connect", Resource: client("keyturn-*") };
const mayPublish = { Effect: "Allow", Action: "iot:Publish", Resource: topic };
const notThisOne = { Effect: "Deny", Action: "iot:Connect", Resource: client("keyturn-2") };

test("a role has the statements of its own policies and of those that are attached", async () => {
  const authorizer = await createAuthorizer();
  await authorizer.putPolicy(policyArn, [mayConnect]);
  await authorizer.putRole(roleArn, [mayPublish, notThisOne], [policyArn]);
  const check = (action: string, resource: string) => () => authorizer.check(caller, [{ action, resource }]);
  expect(check("iot:Connect", client("keyturn-1"))).not.toThrow();
  expect(check("iot:Publish", topic)).not.toThrow();
  expect(check("iot:Connect", client("keyturn-2"))).toThrow("explicit deny");
  expect(check("iot:Connect", client("other"))).toThrow("no identity-based policy allows");
});

test("a policy that is not there cannot be attached", async () => {
  const authorizer = await createAuthorizer();
  await expect(authorizer.putRole(roleArn, [], [policyArn])).rejects.toThrow(
    `role ${roleArn}: there is no policy ${policyArn} to attach`,
  );
});

test("a policy with a misspelt action is refused when it is set", async () => {
  const authorizer = await createAuthorizer();
  await expect(authorizer.putPolicy(policyArn, [{ ...mayConnect, Action: "iot:Conect" }])).rejects.toThrow(
    `policy ${policyArn}: statement 1: no IAM action matches "iot:Conect"`,
  );
});

test("Null asks whether a key is absent", async () => {
  const resource = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
  const action = "secretsmanager:RotateSecret";
  const Condition = { Null: { "secretsmanager:RotationLambdaARN": "true" } };
  const authorizer = await createAuthorizer();
  await authorizer.putRole(roleArn, [{ Effect: "Allow", Action: action, Resource: resource, Condition }]);
  const rotate = (context: Record<string, string>) => () =>
    authorizer.check(caller, [{ action, resource, context }]);
  expect(rotate({})).not.toThrow();
  const own = "arn:aws:lambda:us-east-1:000000000000:function:own";
  expect(rotate({ "secretsmanager:RotationLambdaARN": own })).toThrow("no identity-based policy allows");
});
