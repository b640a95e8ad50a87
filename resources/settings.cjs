// Settings that need more than a default. `sls` asks for them by name: ${file(resources/settings.cjs):NAME}.

/** SQS's longest delay: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html */
const LONGEST_DELAY_SECONDS = 900;

/** Checked here: CloudFormation would only notice in the middle of a deployment. */
function wholeSeconds(name, given, range) {
  const seconds = Number(given);
  const isInRange = seconds >= range.from && seconds <= (range.to ?? Number.POSITIVE_INFINITY);
  if (String(given).trim() === "" || !Number.isInteger(seconds) || !isInRange) {
    const upTo = range.to === undefined ? "" : ` to ${range.to}, the longest delay of an SQS queue`;
    throw new Error(`${name} is ${given}; give whole seconds from ${range.from}${upTo}.`);
  }
  return seconds;
}

module.exports.adoptionDeadlineSeconds = async ({ resolveVariable }) =>
  wholeSeconds("adoptionDeadlineSeconds", await resolveVariable("param:adoptionDeadlineSeconds, 60"), {
    from: 0,
    to: LONGEST_DELAY_SECONDS,
  });

/** What a setting lists, separated by commas. */
const commaList = (given) =>
  String(given)
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

const WATCHED_PREFIX = /^[\w/+=.@!:-]+$/;

/** The prefixes that are given; a wildcard in one would match what it was not meant to. */
async function watchedPrefixes(resolveVariable) {
  const given = await resolveVariable("param:watchedPrefixes, ''");
  const prefixes = commaList(given);
  const wrong = prefixes.filter((prefix) => !WATCHED_PREFIX.test(prefix));
  if (wrong.length > 0) {
    throw new Error(
      `watchedPrefixes has ${wrong.join(", ")}; give beginnings of names, separated by commas, without wildcards.`,
    );
  }
  return prefixes;
}

/** What an event pattern takes for a field that every event of the kind has: one of these, or anything. */
const oneOf = (alternatives) => (alternatives.length > 0 ? alternatives : [{ exists: true }]);
/** Of this account and Region, as far as the name. */
const SECRET_ARN = [
  "arn:",
  { Ref: "AWS::Partition" },
  ":secretsmanager:",
  { Ref: "AWS::Region" },
  ":",
  { Ref: "AWS::AccountId" },
  ":secret:",
];
const asName = (prefix) => ({ prefix });
const asArn = (prefix) => ({ prefix: { "Fn::Join": ["", [...SECRET_ARN, prefix]] } });

/** Where an event has the name of a secret. */
module.exports.watchedNames = async ({ resolveVariable }) =>
  oneOf((await watchedPrefixes(resolveVariable)).map(asName));

/** Where an event has the ARN of a secret. */
module.exports.watchedArns = async ({ resolveVariable }) =>
  oneOf((await watchedPrefixes(resolveVariable)).map(asArn));

/** The watched secrets as far as names tell, in a pattern of IAM. */
async function watchedSecretArns(resolveVariable) {
  const prefixes = await watchedPrefixes(resolveVariable);
  return (prefixes.length > 0 ? prefixes : [""]).map((prefix) => ({
    "Fn::Join": ["", [...SECRET_ARN, `${prefix}*`]],
  }));
}

module.exports.watchedSecretArns = ({ resolveVariable }) => watchedSecretArns(resolveVariable);

/** `key=value`, of the characters that tags take. A `$` would be a variable to IAM. */
const WATCHED_TAG = /^([\p{L}\p{N} _.:/+@-]+)=([\p{L}\p{N} _.:/=+@-]*)$/u;

/** The values of tags that a watched secret may have, by key. */
async function watchedTags(resolveVariable) {
  const given = await resolveVariable("param:watchedTags, ''");
  const tags = commaList(given);
  const wrong = tags.filter((tag) => !WATCHED_TAG.test(tag));
  if (wrong.length > 0) {
    throw new Error(`watchedTags has ${wrong.join(", ")}; give key=value, separated by commas.`);
  }
  const valuesOf = new Map();
  for (const tag of tags) {
    const [, key, value] = WATCHED_TAG.exec(tag);
    valuesOf.set(key, [...(valuesOf.get(key) ?? []), value]);
  }
  return valuesOf;
}

module.exports.watchedTags = async ({ resolveVariable }) => {
  await watchedTags(resolveVariable);
  return resolveVariable("param:watchedTags, ''");
};

/**
 * Allows actions on watched secrets alone, as isWatched in shared/rotation/watch.ts has it: one of the prefixes, and one of
 * the tags. In one condition keys are joined by AND, so that each key of a tag is a statement of its own, with its values
 * as alternatives: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
 */
async function onWatchedSecrets(resolveVariable, Action, Condition) {
  const Resource = await watchedSecretArns(resolveVariable);
  const tags = [...(await watchedTags(resolveVariable))];
  if (tags.length === 0) return [{ Effect: "Allow", Action, Resource, ...(Condition && { Condition }) }];
  return tags.map(([key, values]) => ({
    Effect: "Allow",
    Action,
    Resource,
    Condition: {
      ...Condition,
      StringEquals: { ...Condition?.StringEquals, [`aws:ResourceTag/${key}`]: values },
    },
  }));
}

/** RotateSecret can set a rotation function and a schedule too: with a function of one's own it would hand out the value. */
const AS_SET_UP = {
  Null: {
    "secretsmanager:RotationLambdaARN": "true",
    "secretsmanager:ExternalSecretRotationRoleArn": "true",
  },
  BoolIfExists: { "secretsmanager:ModifyRotationRules": "false" },
};
/** AWSCURRENT moves back, and AWSPENDING is taken from a version whose rotation is over. */
const LABELS_OF_ROTATION = { StringEquals: { "secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"] } };

/** verify reads values of watched secrets alone. */
module.exports.readsWatchedSecrets = ({ resolveVariable }) =>
  onWatchedSecrets(resolveVariable, "secretsmanager:GetSecretValue");
/** With restorePrevious it moves labels of their versions, and changes nothing else of a secret. */
const movesLabels = (resolveVariable) =>
  onWatchedSecrets(resolveVariable, "secretsmanager:UpdateSecretVersionStage", LABELS_OF_ROTATION);
module.exports.movesLabelsOfWatchedSecrets = ({ resolveVariable }) => movesLabels(resolveVariable);
/** Who rotates by hand starts a rotation, hands in a value, or takes one back, and reads none. */
module.exports.rotatesWatchedSecrets = async ({ resolveVariable }) => [
  ...(await onWatchedSecrets(resolveVariable, "secretsmanager:RotateSecret", AS_SET_UP)),
  ...(await onWatchedSecrets(resolveVariable, "secretsmanager:PutSecretValue")),
  ...(await movesLabels(resolveVariable)),
];

/** Where an event has either. */
module.exports.watchedNamesOrArns = async ({ resolveVariable }) =>
  oneOf((await watchedPrefixes(resolveVariable)).flatMap((prefix) => [asName(prefix), asArn(prefix)]));

/** Where an event has the name of a parameter, which may begin with a slash. */
module.exports.watchedParameters = async ({ resolveVariable }) =>
  oneOf(
    (await watchedPrefixes(resolveVariable)).flatMap((prefix) => {
      const bare = prefix.replace(/^\//, "");
      return [asName(bare), asName(`/${bare}`)];
    }),
  );

/** As ECS takes it, with no part of an ARN in it. */
const CLUSTER_NAME = /^[\w-]{1,255}$/;

/** `ecsCluster` is the setting's earlier name. */
async function ecsClusters(resolveVariable) {
  const given = await resolveVariable("param:ecsClusters, param:ecsCluster, 'default'");
  const names = commaList(given);
  const isAll = names.length === 1 && names[0] === "*";
  const wrong = isAll ? [] : names.filter((name) => !CLUSTER_NAME.test(name));
  if (names.length === 0 || wrong.length > 0) {
    throw new Error(
      `ecsClusters is ${given}; give names of ECS clusters, separated by commas, or * for all of the account and Region.`,
    );
  }
  return names;
}

const ecsArn = (resource) => ({
  "Fn::Sub": `arn:\${AWS::Partition}:ecs:\${AWS::Region}:\${AWS::AccountId}:${resource}`,
});

module.exports.ecsClusters = async ({ resolveVariable }) => (await ecsClusters(resolveVariable)).join(",");

/** What the role of redeploy is limited to. */
module.exports.ecsClusterArns = async ({ resolveVariable }) =>
  (await ecsClusters(resolveVariable)).map((name) => ecsArn(`cluster/${name}`));
module.exports.ecsServiceArns = async ({ resolveVariable }) =>
  (await ecsClusters(resolveVariable)).map((name) => ecsArn(`service/${name}/*`));
module.exports.ecsTaskArns = async ({ resolveVariable }) =>
  (await ecsClusters(resolveVariable)).map((name) => ecsArn(`task/${name}/*`));

/** Actions that know no resource. Whoever names the clusters need not be able to list them. */
module.exports.ecsAccountActions = async ({ resolveVariable }) =>
  (await ecsClusters(resolveVariable)).includes("*")
    ? ["ecs:DescribeTaskDefinition", "ecs:ListClusters"]
    : ["ecs:DescribeTaskDefinition"];

/** In a dry run the role itself cannot deploy. */
module.exports.ecsServiceActions = async ({ resolveVariable }) =>
  String(await resolveVariable("param:redeployDryRun, 'false'")) === "true"
    ? ["ecs:DescribeServices"]
    : ["ecs:DescribeServices", "ecs:UpdateService"];

/** A pause of the deployments queue, so SQS's longest delay bounds it. Without one, checks that wait would follow each other at once. */
module.exports.redeployPauseSeconds = async ({ resolveVariable }) =>
  wholeSeconds("redeployPauseSeconds", await resolveVariable("param:redeployPauseSeconds, 30"), {
    from: 1,
    to: LONGEST_DELAY_SECONDS,
  });

/** Copies of a message, and two secrets of a service, meet at its turn: what is no number would let each of them deploy. */
module.exports.redeployMinIntervalSeconds = async ({ resolveVariable }) =>
  wholeSeconds("redeployMinIntervalSeconds", await resolveVariable("param:redeployMinIntervalSeconds, 300"), {
    from: 0,
  });

function idList(name, given, prefix) {
  const ids = commaList(given);
  const wrong = ids.filter((id) => !new RegExp(`^${prefix}-[0-9a-f]+$`).test(id));
  if (wrong.length > 0)
    throw new Error(
      `${name} has ${wrong.join(", ")}; give ids such as ${prefix}-0a1b2c3d, separated by commas.`,
    );
  return ids;
}

/** Where verify runs: `false` is outside of every VPC. */
async function verifyVpc(resolveVariable) {
  const subnetIds = idList("vpcSubnetIds", await resolveVariable("param:vpcSubnetIds, ''"), "subnet");
  const securityGroupIds = idList(
    "vpcSecurityGroupIds",
    await resolveVariable("param:vpcSecurityGroupIds, ''"),
    "sg",
  );
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    throw new Error("vpcSubnetIds and vpcSecurityGroupIds go together; give both or neither.");
  }
  return subnetIds.length > 0 && { subnetIds, securityGroupIds };
}

module.exports.verifyVpc = ({ resolveVariable }) => verifyVpc(resolveVariable);
module.exports.isVerifyInVpc = async ({ resolveVariable }) =>
  String((await verifyVpc(resolveVariable)) !== false);

module.exports.restorePrevious = async ({ resolveVariable }) => {
  const given = String(await resolveVariable("param:restorePrevious, 'false'"));
  if (given !== "true" && given !== "false") {
    throw new Error(`restorePrevious is ${given}; give true or false.`);
  }
  return given;
};
