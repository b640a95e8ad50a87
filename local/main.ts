import { once } from "node:events";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Command, InvalidArgumentError } from "commander";
import { announceLocalRun, type LocalRunState } from "../cli/src/place/local-runs.ts";
import { endOnSignals } from "./end-on-signals.ts";
import { type LocalRun, startLocalRun } from "./local-run.ts";
import { createSampleStore, type SampleStore } from "./sample-store.ts";

interface Options {
  readonly json?: boolean;
  readonly trail?: boolean;
  readonly port?: number;
  readonly mqttPort?: number;
  readonly websocketPort?: number;
  readonly postgresPort?: number;
  readonly stage: string;
  readonly region: string;
  readonly param: Readonly<Record<string, string>>;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("a port is 1 to 65535");
  return port;
}

function collectParam(text: string, params: Readonly<Record<string, string>>): Record<string, string> {
  const [name, ...value] = text.split("=");
  if (!name || value.length === 0) throw new InvalidArgumentError('give it as "name=value"');
  return { ...params, [name]: value.join("=") };
}

const options = new Command("local")
  .description(
    "The whole pipeline on this machine, from the template that serverless.yml makes; ends on Ctrl-C",
  )
  .option("--port <port>", "port of the AWS endpoint; a free one where it is not given", parsePort)
  .option("--mqtt-port <port>", "port of the MQTT broker, without sign-in", parsePort)
  .option("--websocket-port <port>", "port of the MQTT broker over WebSocket, signed in by SigV4", parsePort)
  .option("--postgres-port <port>", "port of PostgreSQL", parsePort)
  .option("--stage <name>", "stage to package", "local")
  .option("--region <name>", "region to pretend to be in", "us-east-1")
  .option(
    "--param <name=value>",
    "setting of serverless.yml's custom block; may be repeated",
    collectParam,
    {},
  )
  .option("--trail", "CloudTrail tells of calls that change a secret, as it does in an account with a trail")
  .option("--json", "print where everything is as one line of JSON, and nothing else on stdout")
  .parse()
  .opts<Options>();

await endOnSignals(async (signal) => {
  const say = (text: string) => (options.json ? console.error(text) : console.log(text));
  say("Packaging serverless.yml and starting what it describes …");
  const startedAt = performance.now();
  const run = await startLocalRun({
    stage: options.stage,
    region: options.region,
    params: options.param,
    ...(options.port && { port: options.port }),
    ...(options.mqttPort && { mqttPort: options.mqttPort }),
    ...(options.websocketPort && { webSocketPort: options.websocketPort }),
    ...(options.postgresPort && { postgresPort: options.postgresPort }),
    ...(options.trail && { hasTrail: true }),
    signal,
    log: say,
  });
  tellTroubles(run, say);
  try {
    const secrets = new SecretsManagerClient(run.clientConfig);
    const store = await createSampleStore(run.postgres, secrets).finally(() => secrets.destroy());
    const withdraw = await announceLocalRun(operatorOf(run));
    try {
      if (options.json) console.log(JSON.stringify(whereAboutsOf(run, store)));
      else describeRun(run, store, performance.now() - startedAt);
      // It may have been asked to end while the store was made: that event is over.
      if (!signal.aborted) await once(signal, "abort");
      say("Ending …");
      return 0;
    } finally {
      await withdraw();
    }
  } finally {
    await run.stop();
  }
});

/** What somebody who tries a change out wants to see at once: warnings and errors of functions and tasks, and alarms. */
function tellTroubles(run: LocalRun, say: (text: string) => void): void {
  run.events.on("log", ({ group, text }) => {
    const isQuiet = /"level":"(DEBUG|INFO)"/.test(text);
    if (!isQuiet) say(`${group}  ${text}`);
  });
  run.events.on("alarm", ({ name, state }) => {
    if (state !== "INSUFFICIENT_DATA") say(`alarm  ${name} is ${state}`);
  });
}

/** What the command line needs to find this run by --local. */
function operatorOf({ stage, clientConfig, channelUrl }: LocalRun): LocalRunState {
  const { region, endpoint, credentials } = clientConfig;
  const { accessKeyId, secretAccessKey } = credentials;
  return { pid: process.pid, stage, region, awsEndpoint: endpoint, channelUrl, accessKeyId, secretAccessKey };
}

function whereAboutsOf(run: LocalRun, store: SampleStore) {
  const { host, port, superuser, superuserPassword } = run.postgres;
  return {
    awsEndpoint: run.awsEndpoint,
    channelUrl: run.channelUrl,
    mqttUrl: run.mqttUrl,
    postgres: { host, port, user: superuser, password: superuserPassword, database: store.database },
    stage: run.stage,
    region: run.place.region,
    topicPrefix: run.topicPrefix,
    secretArn: store.secretArn,
    environment: run.environment,
  };
}

function describeRun(run: LocalRun, store: SampleStore, tookMs: number): void {
  const { host, port, superuser, superuserPassword } = run.postgres;
  const exports = Object.entries(run.environment).map(([name, value]) => `  export ${name}=${value}`);
  console.log(`
Ready in ${(tookMs / 1_000).toFixed(1)} s; stage ${run.stage}, everything on loopback, gone when it ends.

  AWS endpoint  ${run.awsEndpoint}
  channel       ${run.channelUrl}   MQTT over WebSocket, signed in by SigV4
  MQTT          ${run.mqttUrl}   the same without sign-in; topics ${run.topicPrefix}/notices/… and ${run.topicPrefix}/reports/…
  PostgreSQL    postgres://${superuser}:${superuserPassword}@${host}:${port}/${store.database}
  secret        ${store.secretArn}

In another terminal, the AWS CLI, any SDK and sls use it by

${exports.join("\n")}

  npm run -s sls -- invoke local -f verify --path events/verify.json --stage ${run.stage}

and the command line without them, by

  npm run -s keyturn -- status --local

Ctrl-C ends it.`);
}
