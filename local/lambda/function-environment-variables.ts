import { devNull } from "node:os";
import type { AwsPlace } from "../aws/service.ts";

export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface FunctionSettings {
  readonly name: string;
  /** `PATH/FILE.EXPORT` inside the zip, as the template has it. */
  readonly handler: string;
  /** The template's own variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** Of the function's role. */
  readonly credentials: FunctionCredentials;
  readonly place: AwsPlace;
  /** Where the SDK finds AWS. */
  readonly endpointUrl: string;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
const RESERVED = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_DEFAULT_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_LAMBDA_RUNTIME_API",
  "AWS_REGION",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "LAMBDA_RUNTIME_DIR",
  "LAMBDA_TASK_ROOT",
]);

/**
 * Everything that a function finds in `process.env`: the template's variables and those that Lambda sets. Nothing
 * of the machine's own environment.
 *
 * @throws Error where the template sets a variable that Lambda reserves, which AWS refuses at deployment
 */
export function functionEnvironmentVariables(
  settings: FunctionSettings,
  taskRoot: string,
  logStreamName: string,
): Record<string, string> {
  const { name, environment, credentials, place } = settings;
  const reserved = Object.keys(environment).filter((key) => RESERVED.has(key));
  if (reserved.length > 0) {
    throw new Error(
      `Function ${name}: the environment variables contain reserved keys that Lambda does not let a template set: ${reserved.join(", ")}`,
    );
  }
  return {
    ...environment,
    TZ: ":UTC",
    LANG: "en_US.UTF-8",
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(settings.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: logStreamName,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: credentials.sessionToken }),
    LAMBDA_TASK_ROOT: taskRoot,
    _HANDLER: settings.handler,
    AWS_ENDPOINT_URL: settings.endpointUrl,
    // There are no such files on Lambda; the developer's own must not change what a function does here.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  };
}
