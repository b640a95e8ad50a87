// Encryption at rest with a key of the customer's own: `--param "kmsKeyArn=…"`. Without it AWS encrypts with keys of its own,
// and no role may use any. docs/security.md has the statements that the key's policy needs.

const NO_VALUE = { Ref: "AWS::NoValue" };
/** No alias: a role cannot be limited to one. */
const KEY_ARN = /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/;

async function readKeyArn(resolveVariable) {
  const given = await resolveVariable("param:kmsKeyArn, ''");
  if (!given) return undefined;
  if (!KEY_ARN.test(given)) {
    throw new Error(
      `kmsKeyArn is ${given}; give the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not an alias.`,
    );
  }
  return given;
}

const through = (services) => ({
  StringEquals: {
    "kms:ViaService": services.map((service) => ({ "Fn::Sub": `${service}.\${AWS::Region}.amazonaws.com` })),
  },
});

/** A policy of a role; left out without a key. */
const keyPolicy =
  (actions, services) =>
  async ({ resolveVariable }) => {
    const Resource = await readKeyArn(resolveVariable);
    if (!Resource) return NO_VALUE;
    const Statement = [{ Effect: "Allow", Action: actions, Resource, Condition: through(services) }];
    return { PolicyName: "key", PolicyDocument: { Version: "2012-10-17", Statement } };
  };

/** For queues, log groups and the topic. */
module.exports.keyArn = async ({ resolveVariable }) => (await readKeyArn(resolveVariable)) ?? NO_VALUE;

module.exports.tableEncryption = async ({ resolveVariable }) => {
  const KMSMasterKeyId = await readKeyArn(resolveVariable);
  return KMSMasterKeyId ? { SSEEnabled: true, SSEType: "KMS", KMSMasterKeyId } : NO_VALUE;
};

/** Of a function, which reads its queue and uses the ledger. */
module.exports.functionKeyPolicy = keyPolicy(["kms:Decrypt"], ["sqs", "dynamodb"]);

/** Of the IoT rule, which writes to a queue: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html */
module.exports.senderKeyPolicy = keyPolicy(["kms:Decrypt", "kms:GenerateDataKey"], ["sqs"]);

/** Of operators, who also send dead letters back. A statement, since a managed policy is one document. */
module.exports.operatorKeyStatement = async (context) => {
  const policy = await keyPolicy(["kms:Decrypt", "kms:GenerateDataKey"], ["sqs", "dynamodb"])(context);
  return policy === NO_VALUE ? NO_VALUE : policy.PolicyDocument.Statement[0];
};
