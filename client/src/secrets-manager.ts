/** AWS Secrets Manager with a client of one's own: the published entry `keyturn/secrets-manager`. */
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export { createSecretsManagerSource } from "./sources/secrets-manager.ts";
