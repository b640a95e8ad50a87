import { SecretsManagerClient, type SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";
import { createAuthorizer } from "../../../local/aws/access/authorizer.ts";
import { createAwsEndpoint } from "../../../local/aws/endpoint.ts";
import { createSecretsManager } from "../../../local/aws/secrets-manager.ts";

export const REGION = "us-east-1";
/** May do everything. */
export const OPERATOR = { accessKeyId: "AKIDOPERATOR", secretAccessKey: "EXAMPLE" };
/** Runs under a role without any permission. */
export const STRANGER = { accessKeyId: "AKIDSTRANGER", secretAccessKey: "EXAMPLE" };

/** Secrets Manager on loopback, for unmodified SDK clients, and the metadata of one ECS task. */
export async function startAws(taskMetadata: object = {}) {
  const place = { accountId: "000000000000", region: REGION };
  const endpoint = await createAwsEndpoint({
    place,
    services: [createSecretsManager({ place, now: () => new Date(), emit: () => undefined }).service],
    authorizer: await createAuthorizer(),
    publish: () => Promise.resolve(),
    taskMetadata: (id) => (id === "task" ? taskMetadata : undefined),
    log: () => undefined,
  });
  endpoint.registerCaller({ accessKeyId: OPERATOR.accessKeyId, name: "operator" });
  const roleArn = "arn:aws:iam::000000000000:role/stranger";
  endpoint.registerCaller({ accessKeyId: STRANGER.accessKeyId, name: "stranger", roleArn });
  const clients: SecretsManagerClient[] = [];
  return {
    url: endpoint.url,
    clientOf(credentials: NonNullable<SecretsManagerClientConfig["credentials"]>): SecretsManagerClient {
      const client = new SecretsManagerClient({ endpoint: endpoint.url, region: REGION, credentials });
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.destroy();
      await endpoint.close();
    },
  };
}
