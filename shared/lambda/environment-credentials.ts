/**
 * What the bundles have in place of `@aws-sdk/credential-provider-node`, by an alias in serverless.yml. Lambda gives a
 * function its role's keys in the environment; the other sources of the SDK's chain (SSO, profiles, web identity,
 * instance metadata) and the clients that they need are 130 kB of each bundle that no function ever runs.
 */
export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";
