import { createHash } from "node:crypto";

/** IoT Core takes topics of at most 256 bytes; the rest is room for prefix and stage. */
const MAX_KEY_LENGTH = 160;

/**
 * The part of a topic that stands for one secret: the ARN's name with its random suffix, so that a policy can name it.
 * `/` would add topic levels and `+` is a wildcard; both become characters that a secret's name cannot contain,
 * so two secrets never share a key. Names that are too long for a topic become a digest.
 */
export function topicKey(secretArn: string): string {
  const name = secretArn.split(":").slice(6).join(":");
  const key = name.replaceAll("/", ":").replaceAll("+", "~");
  return key.length <= MAX_KEY_LENGTH ? key : `sha256-${createHash("sha256").update(name).digest("hex")}`;
}

/** Topic of the notices for one secret. `prefix` is `keyturn/STAGE`. One exact topic: retained messages do not reach wildcards on IoT Core. */
export function noticeTopic(prefix: string, secretArn: string): string {
  return `${prefix}/notices/${topicKey(secretArn)}`;
}

/** Topic on which instances report for one secret. `prefix` is `keyturn/STAGE`. */
export function reportTopic(prefix: string, secretArn: string): string {
  return `${prefix}/reports/${topicKey(secretArn)}`;
}
