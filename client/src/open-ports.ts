import type { Channel } from "./core/channel.ts";
import { identifyInstance } from "./core/instance.ts";
import { warningsOnly } from "./core/logger.ts";
import type { RotationOptions, RotationSettings } from "./core/rotation-options.ts";
import type { RotationPorts } from "./core/rotation-ports.ts";
import type { SecretSource } from "./core/secret-source.ts";

interface OpenSource {
  readonly source: SecretSource;
  close(): void;
}

/** The pipeline sends no notices for parameters: a poll and failed logins find their new versions. */
const PARAMETER_ARN = /^arn:aws[\w-]*:ssm:/;

/**
 * Opens what every entry's rotation needs of the world: the source of secrets, the channel, and who we are. AWS
 * clients are loaded when they are needed, and only those that are.
 *
 * @param options the user's own source and logger
 */
export async function openPorts(
  settings: RotationSettings,
  options: Pick<RotationOptions, "secrets" | "logger"> & { readonly allowExitOnIdle?: boolean },
): Promise<RotationPorts> {
  const { secretId, service } = settings;
  const logger = options.logger ?? warningsOnly;
  const { source, close } = options.secrets
    ? { source: options.secrets, close: () => undefined }
    : await openSource(secretId);
  const isNoticed = !source.isStatic && !PARAMETER_ARN.test(secretId);
  const channel = isNoticed ? settings.channel : undefined;
  if (source.isStatic) {
    logger.warn({ source: source.name }, "Credential comes from the environment; it does not rotate");
  } else {
    logger.info({ secretId, source: source.name }, "Credential comes from a secret");
    if (!channel) {
      logger.warn(
        { secretId },
        "No channel is configured; new versions are found by poll and failed login only",
      );
    }
  }
  const instance = await identifyInstance(process.env.ECS_CONTAINER_METADATA_URI_V4, service, logger);
  const allowExitOnIdle = options.allowExitOnIdle ?? false;
  const { createMqttChannel } = channel ? await import("./channels/mqtt.ts") : {};
  return {
    source,
    createChannel:
      channel &&
      createMqttChannel &&
      ((secretArn): Channel =>
        createMqttChannel({ ...channel, ...instance, secretArn, logger, allowExitOnIdle })),
    instance,
    logger,
    onEnded: close,
  };
}

async function openSource(secretId: string): Promise<OpenSource> {
  if (PARAMETER_ARN.test(secretId)) {
    const [{ SSMClient }, { createParameterStoreSource }] = await Promise.all([
      import("@aws-sdk/client-ssm"),
      import("./sources/parameter-store.ts"),
    ]);
    const client = new SSMClient({});
    return { source: createParameterStoreSource(client), close: () => client.destroy() };
  }
  const [{ SecretsManagerClient }, { createSecretsManagerSource }] = await Promise.all([
    import("@aws-sdk/client-secrets-manager"),
    import("./sources/secrets-manager.ts"),
  ]);
  const client = new SecretsManagerClient({});
  return { source: createSecretsManagerSource(client), close: () => client.destroy() };
}
