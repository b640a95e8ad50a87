// The dashboard of a stage: alarms on top, then a rotation from left to right and the machinery below. A test holds its
// metrics against those that exist.

const WIDTH = 24;
const PERIOD_SECONDS = 300;

const QUEUES = ["notify", "verify", "redeploy", "deployments", "measure", "reports", "reconcile"];
const FUNCTIONS = ["notify", "verify", "acknowledge", "redeploy", "measure", "reconcile"];

/** A graph; `metrics` as CloudWatch's dashboards have them: namespace, name, dimensions, and how to show it. */
function graph(title, stat, metrics, more = {}) {
  return {
    type: "metric",
    height: 6,
    properties: {
      title,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it in.
      region: "${AWS::Region}",
      view: "timeSeries",
      stat,
      period: PERIOD_SECONDS,
      metrics,
      ...more,
    },
  };
}

/** Puts widgets of equal width beside each other, in rows. */
function inRows(rows) {
  const placed = [];
  let y = 0;
  for (const row of rows) {
    const width = WIDTH / row.length;
    placed.push(...row.map((widget, index) => ({ x: index * width, y, width, ...widget })));
    y += Math.max(...row.map(({ height }) => height));
  }
  return placed;
}

function planBody({ name, stage, alarmNames }) {
  const ours = (metric, more = {}) => ["Keyturn", metric, "service", "keyturn", "stage", stage, more];
  const sums = (title, ...metrics) =>
    graph(
      title,
      "Sum",
      metrics.map((metric) => ours(metric)),
    );
  const bySecret = (title, metric, stat) =>
    graph(title, stat, [
      [
        {
          expression: `SEARCH('{Keyturn,secret,service,stage} MetricName="${metric}" stage="${stage}"', '${stat}', ${PERIOD_SECONDS})`,
          id: "e1",
        },
      ],
    ]);
  const ofQueues = (title, metric, suffix = "") =>
    graph(
      title,
      "Maximum",
      QUEUES.map((queue) => ["AWS/SQS", metric, "QueueName", `${name}-${queue}${suffix}`]),
    );
  const ofFunctions = (title, stat, ...metrics) =>
    graph(
      title,
      stat,
      metrics.flatMap((metric) =>
        FUNCTIONS.map((one) => ["AWS/Lambda", metric, "FunctionName", `${name}-${one}`]),
      ),
    );
  const alarms = {
    type: "alarm",
    height: 4,
    properties: {
      title: "Alarms; docs/runbook.md says what to do",
      alarms: alarmNames.map(
        (one) => `arn:\${AWS::Partition}:cloudwatch:\${AWS::Region}:\${AWS::AccountId}:alarm:${one}`,
      ),
    },
  };
  return {
    start: "-P1D",
    widgets: inRows([
      [alarms],
      [
        graph("From current to in use, ms", "p95", [
          ours("AdoptionLatency", { stat: "p50", label: "p50" }),
          ours("AdoptionLatency", { stat: "p95", label: "p95" }),
          ours("AdoptionLatency", { stat: "Maximum", label: "max" }),
          ours("NoticeLatency", { stat: "p95", label: "notice, p95" }),
        ]),
        bySecret("From current to in use by secret, p95 in ms", "AdoptionLatency", "p95"),
      ],
      [
        sums("Rotations", "RotationNoticed", "RotationMissed", "DuplicateSource", "SignDropped"),
        sums(
          "Rotations that made nothing current",
          "RotationFailed",
          "RotationAbandoned",
          "TestRotationStarted",
          "TestRotationSucceeded",
          "TestRotationFailed",
        ),
        sums(
          "Verdicts",
          "CredentialVerified",
          "CredentialRejected",
          "CredentialUnverifiable",
          "CredentialUnreachable",
          "CredentialRestored",
        ),
      ],
      [
        sums("Instances", "InstanceSwapped", "InstanceRejected", "InstanceSilent"),
        sums("Behind at the deadline", "StaleInstances", "StaleUnmanaged", "SecretPinned"),
        sums(
          "Redeploys",
          "ServiceRedeployed",
          "RedeployPlanned",
          "RedeployWithheld",
          "RedeployDeferred",
          "RedeployCompleted",
          "RedeployFailed",
        ),
      ],
      [
        bySecret("Refused credentials by secret", "CredentialRejected", "Sum"),
        bySecret("Behind at the deadline by secret", "StaleInstances", "Sum"),
        graph("Login, and a deployment, p95 in ms", "p95", [
          ours("VerifyDuration"),
          ours("RedeployDuration", { yAxis: "right" }),
        ]),
      ],
      [
        ofQueues("Messages that wait", "ApproximateNumberOfMessagesVisible"),
        ofQueues("Oldest message, s", "ApproximateAgeOfOldestMessage"),
        ofQueues("Dead letters", "ApproximateNumberOfMessagesVisible", "-dead-letters"),
      ],
      [
        ofFunctions("Functions: errors and throttles", "Sum", "Errors", "Throttles"),
        ofFunctions("Functions: duration, p95 in ms", "p95", "Duration"),
        graph("Secrets that reconcile compared", "Maximum", [ours("SecretsReconciled")]),
      ],
    ]),
  };
}

module.exports.resources = async ({ resolveVariable }) => {
  const { Resources: alarms } = await resolveVariable("file(resources/alarms.cjs):resources");
  const [name, stage] = [await resolveVariable("self:custom.name"), await resolveVariable("sls:stage")];
  const alarmNames = Object.values(alarms).map(({ Properties }) => Properties.AlarmName);
  return {
    Resources: {
      Dashboard: {
        Type: "AWS::CloudWatch::Dashboard",
        Properties: {
          DashboardName: name,
          DashboardBody: { "Fn::Sub": JSON.stringify(planBody({ name, stage, alarmNames })) },
        },
      },
    },
  };
};
