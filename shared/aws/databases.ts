import pRetry from "p-retry";
import * as z from "zod/mini";
import { DependencyError } from "../contract/errors.ts";
import { createRdsQuery, elementOf, type RdsQueryOptions } from "./rds-query.ts";

/** Where a database is, and which secret holds its master password. */
export interface Database {
  /** As RDS names it: `postgres`, `mariadb`, `aurora-mysql`, `docdb`, …. */
  readonly engine: string;
  readonly host: string;
  readonly port: number;
  /** Absent where the database was made without one of its own. */
  readonly database?: string | undefined;
  /** Absent where RDS does not manage the master password. */
  readonly masterSecretArn?: string | undefined;
}

/** Tells where a database of RDS, Aurora or DocumentDB is. */
export interface Databases {
  /**
   * @param databaseArn of an instance or a cluster; of a cluster it is the endpoint for writing
   * @returns undefined where there is none, or it has no address yet
   * @throws DependencyError where RDS does not answer
   */
  find(databaseArn: string): Promise<Database | undefined>;
}

const Found = z.object({
  engine: z.string(),
  host: z.string(),
  port: z.coerce.number().check(z.int(), z.minimum(1), z.maximum(65_535)),
  database: z.optional(z.string()),
  masterSecretArn: z.optional(z.string()),
});

/** RDS throttles what asks too often, of the whole account together. */
const AGAIN = {
  retries: 2,
  minTimeout: 200,
  randomize: true,
  shouldRetry: ({ error }: { readonly error: unknown }) => error instanceof DependencyError,
};
const GONE = new Set(["DBInstanceNotFound", "DBClusterNotFoundFault"]);

/**
 * Asks RDS's DescribeDBInstances and DescribeDBClusters.
 *
 * @example await createDatabases({ region: "eu-west-1" }).find("arn:aws:rds:eu-west-1:000000000000:db:orders")
 */
export function createDatabases(options: RdsQueryOptions): Databases {
  const query = createRdsQuery(options);
  return {
    async find(databaseArn) {
      const isCluster = databaseArn.split(":")[5] === "cluster";
      const ask = async () => {
        const answer = isCluster
          ? await query("DescribeDBClusters", { DBClusterIdentifier: databaseArn })
          : await query("DescribeDBInstances", { DBInstanceIdentifier: databaseArn });
        if (answer.errorCode === undefined || GONE.has(answer.errorCode)) return answer;
        throw new DependencyError(`RDS does not tell of the database (${answer.errorCode})`, {
          details: { databaseArn, code: answer.errorCode },
        });
      };
      const answer = await pRetry(ask, AGAIN);
      if (answer.errorCode !== undefined) return undefined;
      const parsed = z.safeParse(Found, isCluster ? readCluster(answer.xml) : readInstance(answer.xml));
      return parsed.success ? parsed.data : undefined;
    },
  };
}

function readInstance(xml: string) {
  const endpoint = elementOf(xml, "Endpoint") ?? "";
  return {
    ...readCommon(xml),
    host: elementOf(endpoint, "Address"),
    port: elementOf(endpoint, "Port"),
    database: elementOf(xml, "DBName"),
  };
}

function readCluster(xml: string) {
  return {
    ...readCommon(xml),
    host: elementOf(xml, "Endpoint"),
    port: elementOf(xml, "Port"),
    database: elementOf(xml, "DatabaseName"),
  };
}

function readCommon(xml: string) {
  return {
    engine: elementOf(xml, "Engine"),
    masterSecretArn: elementOf(elementOf(xml, "MasterUserSecret") ?? "", "SecretArn"),
  };
}
