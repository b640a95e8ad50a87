import { createHash } from "node:crypto";
import { kindOfSecret, nameOfSecret } from "./secret-id.ts";

/** IoT Core takes topics of at most 256 bytes; the rest is room for prefix and stage. */
const MAX_KEY_LENGTH = 160;

/**
 * The part of a topic that stands for one secret: the ARN's name with its random suffix, so that a policy can name it.
 * `/` would add topic levels and `+` is a wildcard; both become characters that a secret's name cannot contain,
 * so two secrets never share a key. Names that are too long for a topic become a digest.
 *
 * A parameter's key begins with `ssm,`, that of a secret kept elsewhere with what its id begins with, and a comma
 * (`vault,kv:app:prod:db`): no name in Secrets Manager holds a comma, and no id of one's own begins with `ssm:`.
 */
export function topicKey(secretArn: string): string {
  switch (kindOfSecret(secretArn)) {
    case "parameter":
      return `ssm,${shorten(nameOfSecret(secretArn))}`;
    case "elsewhere": {
      const [scheme = ""] = secretArn.split(":");
      // A colon stands for a slash in the key, so those of the id are written differently.
      return `${scheme},${shorten(secretArn.slice(scheme.length + 1).replaceAll(":", "%3A"))}`;
    }
    default:
      return shorten(secretArn.split(":").slice(6).join(":"));
  }
}

function shorten(name: string): string {
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
