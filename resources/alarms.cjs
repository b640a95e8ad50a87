// The alarms: what each watches and when it goes off. They are alike but for a few fields, so a list of those makes them all.
// docs/runbook.md has a section for each; a test holds the two together.

/** Queues by logical id, with the name that their alarms go by. */
const QUEUES = {
  Notify: "notify",
  Verify: "verify",
  Redeploy: "redeploy",
  Deployments: "deployments",
  Measure: "measure",
  Reports: "reports",
  Reconcile: "reconcile",
};
/** The function that reads a queue, where it has another name. */
const HANDLERS = { deployments: "redeploy", reports: "acknowledge" };
/** The setting that delays a queue. */
const DELAYS = { redeploy: "adoptionDeadlineSeconds", deployments: "redeployPauseSeconds" };

const FUNCTIONS = {
  Notify: "notify",
  Verify: "verify",
  Acknowledge: "acknowledge",
  Redeploy: "redeploy",
  Measure: "measure",
  Reconcile: "reconcile",
};

const RULES = {
  SecretLabelUpdated: "secret-label-updated",
  RotationSucceeded: "rotation-succeeded",
  SecretApiCall: "secret-api-call",
  CredentialRotated: "credential-rotated",
  CredentialsReset: "credentials-reset",
  ParameterChanged: "parameter-changed",
  Reconcile: "reconcile",
  ReconcileContinued: "reconcile-continued",
  RotationAttempt: "rotation-attempt",
  DomainEvent: "domain-events",
  DeploymentEnded: "deployment-ended",
  RedeployDeferred: "redeploy-deferred",
  CredentialVerifiedLater: "credential-verified-later",
};

/** Counts of Keyturn's own of which one is one too many. */
const COUNTS = {
  RotationFailed: "A rotation failed before its version became current; everybody is on the old credential",
  RotationAbandoned: "A rotation was given up; everybody is on the old credential",
  TestRotationFailed: "The test of a rotation failed; the next rotation would fail as well",
  RotationMissed: "No event told of a rotation; reconcile found it up to an hour late",
  SignDropped: "A sign of a rotation led to no secret, so nobody was told",
  CredentialRejected:
    "A store refused a new credential; services keep the old one, and nothing is redeployed",
  CredentialUnverifiable: "A new credential could not be tried, so nothing is redeployed for it",
  CredentialUnreachable: "A store could not be asked about a new credential, and the last try is over",
  InstanceRejected: "An instance could not log in with a new credential, and keeps the old one",
  InstanceSilent: "An instance has not reported for too long: nobody knows what it runs on",
  StaleInstances:
    "Instances were not on the new credential at the adoption deadline; what can be redeployed is being redeployed",
  StaleUnmanaged: "Instances that no deployment can reach are behind at the adoption deadline",
  SecretPinned: "A service pins the version of a secret that it starts with; no deployment mends that",
  RedeployPlanned: "A dry run: a service is behind at the adoption deadline, and would have been redeployed",
  RedeployWithheld: "A service is behind at the adoption deadline, and was not redeployed",
  RedeployFailed: "ECS stopped a deployment that was to bring a new credential to a service",
};

/** Alarms that a setting mutes: they are seen, and tell nobody. */
const MUTED_BY = {
  // A task that was replaced falls silent as well, and nothing is wrong then.
  InstanceSilent: "alarmOnSilentInstances",
  // Where services follow by redeploy alone, each rotation raises it.
  StaleInstances: "alarmOnStaleInstances",
};

const kebab = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();

function counterAlarm(suffix, description, namespace, metric, dimensions) {
  return {
    suffix,
    description,
    Namespace: namespace,
    MetricName: metric,
    Dimensions: dimensions,
    Statistic: "Sum",
    Threshold: 0,
  };
}

function queueAlarms([id, queue], settings) {
  const handler = HANDLERS[queue] ?? queue;
  // A message that fails once is delivered again after the visibility timeout; that alone wakes nobody.
  const oneRetry = settings.visibilitySeconds[handler] + (DELAYS[queue] ? settings[DELAYS[queue]] : 0);
  const dimension = (resource) => [{ Name: "QueueName", Value: { "Fn::GetAtt": [resource, "QueueName"] } }];
  return [
    [
      `${id}DeadLettersAlarm`,
      {
        suffix: `${queue}-dead-letters`,
        description: `Messages for ${handler} were given up and wait in the dead-letter queue`,
        Namespace: "AWS/SQS",
        MetricName: "ApproximateNumberOfMessagesVisible",
        Dimensions: dimension(`${id}DeadLetters`),
        Statistic: "Maximum",
        Threshold: 0,
      },
    ],
    [
      `${id}QueueAgeAlarm`,
      {
        suffix: `${queue}-queue-age`,
        description: `The oldest message for ${handler} is older than a retry explains`,
        Namespace: "AWS/SQS",
        MetricName: "ApproximateAgeOfOldestMessage",
        Dimensions: dimension(`${id}Queue`),
        Statistic: "Maximum",
        Threshold: oneRetry + settings.queueAgeAlarmSeconds,
      },
    ],
  ];
}

function functionAlarms([id, name]) {
  const dimensions = [{ Name: "FunctionName", Value: { Ref: `${id}LambdaFunction` } }];
  return [
    [
      `${id}ErrorsAlarm`,
      counterAlarm(
        `${name}-errors`,
        `The function ${name} crashed, ran out of time or did not start; no single message is to blame`,
        "AWS/Lambda",
        "Errors",
        dimensions,
      ),
    ],
    [
      `${id}ThrottlesAlarm`,
      {
        ...counterAlarm(
          `${name}-throttles`,
          `Lambda does not run the function ${name}: the account's concurrency, or the function's own, is used up`,
          "AWS/Lambda",
          "Throttles",
          dimensions,
        ),
        // Lambda asks again by itself; a short burst elsewhere in the account is no reason to get up.
        EvaluationPeriods: 5,
        DatapointsToAlarm: 3,
      },
    ],
  ];
}

function ruleAlarm([id, name]) {
  const description = `EventBridge could not deliver what the rule ${name} matched`;
  const dimensions = [{ Name: "RuleName", Value: { Ref: `${id}Rule` } }];
  return [
    `${id}FailedInvocationsAlarm`,
    counterAlarm(`${name}-failed-invocations`, description, "AWS/Events", "FailedInvocations", dimensions),
  ];
}

/** All alarms by logical id, without what they have in common. */
function planAlarms(settings) {
  const ours = [
    { Name: "service", Value: "keyturn" },
    { Name: "stage", Value: settings.stage },
  ];
  return Object.fromEntries([
    ...Object.entries(QUEUES).flatMap((queue) => queueAlarms(queue, settings)),
    ...Object.entries(FUNCTIONS).flatMap(functionAlarms),
    ...Object.entries(RULES).map(ruleAlarm),
    ...Object.entries(COUNTS).map(([metric, description]) => [
      `${metric}Alarm`,
      {
        ...counterAlarm(kebab(metric), description, "Keyturn", metric, ours),
        ...(MUTED_BY[metric] && { ActionsEnabled: settings[MUTED_BY[metric]] }),
      },
    ]),
    [
      "AdoptionLatencyAlarm",
      {
        suffix: "adoption-latency",
        description: "Services take too long to run on a new version",
        Namespace: "Keyturn",
        MetricName: "AdoptionLatency",
        Dimensions: ours,
        ExtendedStatistic: "p95",
        Threshold: settings.adoptionLatencyAlarmMs,
      },
    ],
  ]);
}

async function readSettings(resolveVariable) {
  const numberOf = async (name) => {
    const given = await resolveVariable(`self:custom.${name}`);
    const number = Number(given);
    if (!Number.isFinite(number) || number < 0) {
      throw new Error(`${name} is ${given}; give a number that is not below 0.`);
    }
    return number;
  };
  const isOn = async (name) => {
    const given = String(await resolveVariable(`self:custom.${name}`));
    if (given !== "true" && given !== "false") throw new Error(`${name} is ${given}; give true or false.`);
    return given === "true";
  };
  return {
    stage: await resolveVariable("sls:stage"),
    name: await resolveVariable("self:custom.name"),
    alarmActions: await resolveVariable("self:custom.alarmActions"),
    visibilitySeconds: await resolveVariable("self:custom.visibilitySeconds"),
    adoptionDeadlineSeconds: await numberOf("adoptionDeadlineSeconds"),
    redeployPauseSeconds: await numberOf("redeployPauseSeconds"),
    queueAgeAlarmSeconds: await numberOf("queueAgeAlarmSeconds"),
    adoptionLatencyAlarmMs: await numberOf("adoptionLatencyAlarmMs"),
    alarmOnSilentInstances: await isOn("alarmOnSilentInstances"),
    alarmOnStaleInstances: await isOn("alarmOnStaleInstances"),
  };
}

module.exports.resources = async ({ resolveVariable }) => {
  const settings = await readSettings(resolveVariable);
  const resources = Object.entries(planAlarms(settings)).map(([id, { suffix, description, ...own }]) => [
    id,
    {
      Type: "AWS::CloudWatch::Alarm",
      Properties: {
        AlarmName: `${settings.name}-${suffix}`,
        AlarmDescription: `${description}. docs/runbook.md says what to do`,
        Period: 60,
        EvaluationPeriods: 1,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
        AlarmActions: settings.alarmActions,
        OKActions: settings.alarmActions,
        ...own,
      },
    },
  ]);
  return { Resources: Object.fromEntries(resources) };
};

const TOPIC_ARN = /^arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$/;

/** The one topic that all alarms tell: the stage's own, unless another is given. */
async function alarmTopic(resolveVariable) {
  const given = await resolveVariable("param:alarmTopicArn, ''");
  if (!given) return { Ref: "AlarmTopic" };
  if (!TOPIC_ARN.test(given)) {
    throw new Error(
      `alarmTopicArn is ${given}; give the ARN of a standard SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME).`,
    );
  }
  return given;
}

module.exports.alarmTopic = ({ resolveVariable }) => alarmTopic(resolveVariable);
module.exports.alarmActions = async ({ resolveVariable }) => [await alarmTopic(resolveVariable)];
module.exports.makesAlarmTopic = async ({ resolveVariable }) =>
  String(typeof (await alarmTopic(resolveVariable)) !== "string");
