import type { Channel } from "./channel.ts";
import type { Instance } from "./instance.ts";
import type { Logger } from "./logger.ts";
import type { SecretSource } from "./secret-source.ts";

/** What a rotation needs of the world. */
export interface RotationPorts {
  readonly source: SecretSource;
  /** Absent where no channel is configured. */
  readonly createChannel: ((secretArn: string) => Channel) | undefined;
  readonly instance: Instance;
  readonly logger: Logger;
  /** Called when nothing is left, after `end()` or a start that failed. */
  readonly onEnded?: () => void;
}
