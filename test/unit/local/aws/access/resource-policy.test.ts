import { describe, expect, it } from "vitest";
import {
  checkResourcePolicy,
  validateResourcePolicy,
} from "../../../../../local/aws/access/resource-policy.ts";

const queue = "arn:aws:sqs:us-east-1:000000000000:notify";
const rule = "arn:aws:events:us-east-1:000000000000:rule/rotations";

const statement = {
  Effect: "Allow",
  Principal: { Service: "events.amazonaws.com" },
  Action: "sqs:SendMessage",
  Resource: queue,
  Condition: { ArnEquals: { "aws:SourceArn": rule } },
};
const policy = (...statements: object[]) => ({ Version: "2012-10-17", Statement: statements });

const access = {
  principalService: "events.amazonaws.com",
  action: "sqs:SendMessage",
  resource: queue,
  context: { "aws:SourceArn": rule, "aws:SourceAccount": "000000000000" },
};

describe("checkResourcePolicy", () => {
  it("lets the service act for the rule that the policy names", () => {
    expect(checkResourcePolicy(policy(statement), access)).toBe(true);
  });

  it.each<[string, unknown, object]>([
    ["without a policy", undefined, {}],
    ["for another rule", policy(statement), { context: { "aws:SourceArn": `${rule}-2` } }],
    ["to another service", policy(statement), { principalService: "sns.amazonaws.com" }],
    ["another action", policy(statement), { action: "sqs:ReceiveMessage" }],
    ["on another queue", policy(statement), { resource: `${queue}-2` }],
    ["where a Deny applies too", policy(statement, { ...statement, Effect: "Deny", Principal: "*" }), {}],
    ["to an account alone", policy({ ...statement, Principal: { AWS: "000000000000" } }), {}],
  ])("allows nothing %s", (_, document, change) => {
    expect(checkResourcePolicy(document, { ...access, ...change })).toBe(false);
  });

  it.each([
    ["NotPrincipal", policy({ ...statement, NotPrincipal: "*" }), "NotPrincipal is not supported"],
    ["no Principal", policy({ ...statement, Principal: undefined }), "Principal must be"],
    [
      "a federated principal",
      policy({ ...statement, Principal: { Federated: "x" } }),
      "Principal.Federated is not supported",
    ],
    ["a version of 2008", { ...policy(statement), Version: "2008-10-17" }, 'Version "2012-10-17"'],
  ])("refuses %s", (_, document, problem) => {
    expect(() => checkResourcePolicy(document, access)).toThrow(problem);
  });

  it("finds a misspelt action when the policy is loaded", async () => {
    await expect(validateResourcePolicy(queue, policy(statement))).resolves.toBeUndefined();
    await expect(
      validateResourcePolicy(queue, policy({ ...statement, Action: "sqs:SendMesage" })),
    ).rejects.toThrow(`policy of ${queue}: statement 1: no IAM action matches "sqs:SendMesage"`);
  });
});
