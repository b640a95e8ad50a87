import type { RDSClient } from "@aws-sdk/client-rds";
import * as z from "zod/mini";
import { DependencyError } from "../contract/errors.ts";

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
  port: z.int().check(z.minimum(1), z.maximum(65_535)),
  database: z.optional(z.string()),
  masterSecretArn: z.optional(z.string()),
});

const GONE = new Set(["DBInstanceNotFoundFault", "DBClusterNotFoundFault"]);

/**
 * Asks RDS's DescribeDBInstances and DescribeDBClusters.
 *
 * @param given default: a client that is made, and whose code is loaded, with the first question
 * @example await createDatabases().find("arn:aws:rds:eu-west-1:000000000000:db:orders")
 */
export function createDatabases(given?: RDSClient): Databases {
  let client = given;
  return {
    async find(databaseArn) {
      const { createRdsClient, describeCluster, describeInstance } = await import("./rds-questions.ts");
      client ??= createRdsClient();
      const isCluster = databaseArn.split(":")[5] === "cluster";
      const found = await (isCluster ? describeCluster : describeInstance)(client, databaseArn).catch(
        (cause: unknown) => {
          const code = cause instanceof Error ? cause.name : "unknown";
          if (GONE.has(code)) return undefined;
          throw new DependencyError(
            `RDS does not tell of the database (${code}); a function in a VPC needs a way to RDS's API`,
            { cause, details: { databaseArn, code } },
          );
        },
      );
      const parsed = z.safeParse(Found, found);
      return parsed.success ? parsed.data : undefined;
    },
  };
}
