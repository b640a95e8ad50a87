import { basename, join } from "node:path";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { inject, vi } from "vitest";
import { type LocalRun, type LocalRunOptions, startLocalRun } from "../../../local/local-run.ts";
import type { PackagedStack } from "../../../local/package-stack.ts";
import { type Observations, observe } from "./observe.ts";

export const FUNCTIONS = ["notify", "verify", "acknowledge", "redeploy", "measure", "reconcile"] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** A local run with SDK clients of the operator, and what can be seen of it from outside. */
export interface TestRun extends LocalRun {
  readonly clients: {
    readonly cloudWatch: CloudWatchClient;
    readonly dynamoDb: DynamoDBClient;
    readonly ecs: ECSClient;
    readonly eventBridge: EventBridgeClient;
    readonly secrets: SecretsManagerClient;
    readonly sqs: SQSClient;
  };
  readonly seen: Observations;
  /** Invokes a function by hand, as `sls invoke` does. */
  invoke(name: FunctionName, event: unknown): Promise<unknown>;
}

/** The stack that was packaged for this vitest run. */
export function packagedStack(): PackagedStack & { readonly stage: string } {
  const { stage, template, zipFolder } = inject("packagedStack");
  return {
    stage,
    template,
    zipPath: (s3Key) => join(zipFolder, basename(s3Key)),
    // Whoever packaged it removes it.
    remove: () => Promise.resolve(),
  };
}

/** @param options what differs from a run of the packaged stack; another stage is packaged first */
export async function startTestRun(options: LocalRunOptions = {}): Promise<TestRun> {
  const packaged = packagedStack();
  const run = await startLocalRun({
    ...(options.stage === undefined && { stage: packaged.stage, packaged }),
    ...options,
  });
  const clients = {
    cloudWatch: new CloudWatchClient(run.clientConfig),
    dynamoDb: new DynamoDBClient(run.clientConfig),
    ecs: new ECSClient(run.clientConfig),
    eventBridge: new EventBridgeClient(run.clientConfig),
    secrets: new SecretsManagerClient(run.clientConfig),
    sqs: new SQSClient(run.clientConfig),
  };
  return {
    ...run,
    clients,
    seen: observe(run),
    async invoke(name, event) {
      const runtime = run.stack.functions.get(`keyturn-${run.stage}-${name}`);
      if (!runtime) throw new Error(`The stack has no function ${name}`);
      return runtime.invoke(event);
    },
    async stop() {
      for (const client of Object.values(clients)) client.destroy();
      await run.stop();
    },
  };
}

/** Waits until what is asserted holds; the last failure is the error where it never does. */
export function eventually<T>(assertion: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertion, { timeout: 20_000, interval: 50 });
}
