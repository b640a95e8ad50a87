import type { EventEmitter } from "node:events";
import { KeyturnError } from "../shared/contract/errors.ts";
import type { EcsTarget } from "./aws/ecs/ecs.ts";
import type { AwsEvent } from "./aws/events/aws-event.ts";
import type { AwsPlace } from "./aws/service.ts";
import { type ClientConfig, type CloudEvents, createLocalCloud, environmentOf, queueUrl } from "./cloud.ts";
import { createStack, type RunningStack } from "./create-stack.ts";
import { type PackagedStack, packageStack } from "./package-stack.ts";
import { readStack } from "./stack/resources.ts";
import { loadTemplate } from "./stack/template.ts";
import { startBroker } from "./stores/broker.ts";
import { type LocalPostgres, startPostgres } from "./stores/postgres.ts";

export interface LocalRunOptions {
  /** Default `local`. */
  readonly stage?: string;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** Settings of serverless.yml's `custom:` block. */
  readonly params?: Readonly<Record<string, string>>;
  /** A stack that is packaged already; it is not removed. Its stage must be the one given here. */
  readonly packaged?: PackagedStack;
  /** Whether the account has a CloudTrail trail, so that calls that change a secret are events. Default false. */
  readonly hasTrail?: boolean;
  /** Of the AWS endpoint, the broker (plain, and over WebSocket) and PostgreSQL; a free one where it is not given. */
  readonly port?: number;
  readonly mqttPort?: number;
  readonly webSocketPort?: number;
  readonly postgresPort?: number;
  /** Hears what went wrong, and what services do. */
  readonly log?: (message: string) => void;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
}

/** The whole pipeline on this machine. */
export interface LocalRun {
  readonly stage: string;
  readonly place: AwsPlace;
  readonly awsEndpoint: string;
  /** The broker as AWS IoT Core has it, for services: over WebSocket, by SigV4 */
  readonly channelUrl: string;
  /** The same broker without sign-in, for tools */
  readonly mqttUrl: string;
  readonly postgres: LocalPostgres;
  /** `keyturn/STAGE` */
  readonly topicPrefix: string;
  /** Source of Keyturn's own events, `keyturn.STAGE` */
  readonly eventSource: string;
  readonly stack: RunningStack;
  /** For SDK clients of the operator, who may do everything. */
  readonly clientConfig: ClientConfig;
  /** The same as environment variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly events: EventEmitter<CloudEvents>;
  /** Puts an event of an AWS service on the bus. */
  sendEvent(event: AwsEvent): Promise<void>;
  /** Outputs of the stack, by name */
  readonly outputs: Readonly<Record<string, string>>;
  /** @returns the ARN of a role with these policy statements and these managed policies, for a task */
  createRole(
    name: string,
    statements: readonly unknown[],
    managedPolicyArns?: readonly string[],
  ): Promise<string>;
  /** The tasks of a service that take requests. */
  targets(cluster: string, service: string): readonly EcsTarget[];
  /** Ends everything, leaving no process, port or file. May be called again. */
  stop(): Promise<void>;
}

const ACCOUNT_ID = "000000000000";

/**
 * Packages serverless.yml, starts PostgreSQL, an MQTT broker and the AWS endpoint, and creates what the template describes.
 *
 * @throws KeyturnError, ConfigError, TemplateError or what a store could not start with; nothing is left running then
 */
export async function startLocalRun(options: LocalRunOptions = {}): Promise<LocalRun> {
  const { stage = "local", region = "us-east-1", log = () => undefined, signal } = options;
  const place = { accountId: ACCOUNT_ID, region };
  const endings: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= endInReverse(endings);
    return stopping;
  };
  /** What was started is ended, in the reverse order, also where something else fails to start. */
  const owned = async <T>(starting: Promise<T>, end: (started: T) => Promise<void>): Promise<T> => {
    const started = await starting;
    endings.push(() => end(started));
    return started;
  };

  try {
    const starting = [
      options.packaged ?? owned(packageStack(stage, region, options.params), (packaged) => packaged.remove()),
      owned(startPostgres({ ...(options.postgresPort && { port: options.postgresPort }) }), (postgres) =>
        postgres.stop(),
      ),
      owned(
        startBroker({
          region,
          ...(options.mqttPort && { port: options.mqttPort }),
          ...(options.webSocketPort && { webSocketPort: options.webSocketPort }),
          log,
        }),
        (broker) => broker.stop(),
      ),
    ] as const;
    // One that fails must not leave another behind that is still starting.
    await Promise.allSettled(starting);
    const [packaged, postgres, broker] = await Promise.all(starting);
    signal?.throwIfAborted();

    const cloud = await owned(
      createLocalCloud({
        place,
        broker,
        log,
        ...(options.port && { port: options.port }),
        ...(options.hasTrail && { hasTrail: true }),
      }),
      (started) => started.stop(),
    );
    const stackName = `keyturn-${stage}`;
    const loaded = loadTemplate(packaged.template, {
      place,
      stackName,
      queueUrl: (name) => queueUrl(cloud.url, `arn:aws:sqs:${region}:${ACCOUNT_ID}:${name}`),
    });
    const stack = await owned(
      createStack({ stack: readStack(loaded.resources), cloud, broker, zipPath: packaged.zipPath, log }),
      (started) => started.stop(),
    );
    signal?.throwIfAborted();

    return {
      stage,
      place,
      awsEndpoint: cloud.url,
      channelUrl: broker.webSocketUrl,
      mqttUrl: broker.url,
      postgres,
      topicPrefix: `keyturn/${stage}`,
      eventSource: `keyturn.${stage}`,
      stack,
      clientConfig: cloud.operator,
      environment: environmentOf(cloud.operator),
      events: cloud.events,
      sendEvent: (event) => cloud.eventBridge.send(event),
      outputs: Object.fromEntries(
        Object.entries(loaded.outputs).map(([name, value]) => [name, String(value)]),
      ),
      createRole: async (name, statements, managedPolicyArns) => {
        const roleArn = `arn:aws:iam::${ACCOUNT_ID}:role/${name}`;
        await cloud.authorizer.putRole(roleArn, statements, managedPolicyArns);
        return roleArn;
      },
      targets: (cluster, service) => cloud.ecs.targets(cluster, service),
      stop,
    };
  } catch (error) {
    await stop();
    throw isPortTaken(error)
      ? new KeyturnError(
          "PORT_TAKEN",
          `Port ${error.port} is taken; give another one, or none to get a free one`,
          {
            cause: error,
          },
        )
      : error;
  }
}

function isPortTaken(error: unknown): error is Error & { readonly port: number } {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error;
}

async function endInReverse(endings: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const end of endings.toReversed()) await end().catch((error) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, "Not everything could be ended");
}
