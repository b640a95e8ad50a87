import {
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  type MasterUserSecret,
  RDSClient,
} from "@aws-sdk/client-rds";
import { clientSettings } from "./clients.ts";

// Apart from databases.ts, which loads this on demand: most starts of verify do without RDS's client.
export const createRdsClient = () => new RDSClient(clientSettings);

/** What RDS says of an instance, where there is one. */
export async function describeInstance(client: RDSClient, arn: string): Promise<object | undefined> {
  const answer = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: arn }));
  const [found] = answer.DBInstances ?? [];
  return (
    found && {
      engine: found.Engine,
      host: found.Endpoint?.Address,
      port: found.Endpoint?.Port,
      database: found.DBName,
      ...master(found.MasterUserSecret),
    }
  );
}

/** What RDS says of a cluster, where there is one. */
export async function describeCluster(client: RDSClient, arn: string): Promise<object | undefined> {
  const answer = await client.send(new DescribeDBClustersCommand({ DBClusterIdentifier: arn }));
  const [found] = answer.DBClusters ?? [];
  return (
    found && {
      engine: found.Engine,
      host: found.Endpoint,
      port: found.Port,
      database: found.DatabaseName,
      ...master(found.MasterUserSecret),
    }
  );
}

function master(secret: MasterUserSecret | undefined) {
  return { masterSecretArn: secret?.SecretArn };
}
