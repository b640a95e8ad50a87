/** AWS Systems Manager Parameter Store with a client of one's own: the published entry `keyturn/ssm`. */
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export { createParameterStoreSource } from "./sources/parameter-store.ts";
