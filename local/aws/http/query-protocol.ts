import type { IncomingMessage } from "node:http";
import { AwsError } from "../aws-error.ts";
import type { AccessRequest, AwsPlace } from "../service.ts";

/** A question to RDS, in the query protocol: a form as the body, XML as the answer. */
export interface RdsQuery {
  readonly access: readonly AccessRequest[];
  /** RDS has no databases here. */
  readonly answer: AwsError;
}

const KINDS: Readonly<Record<string, { parameter: string; kind: string; notFound: string }>> = {
  DescribeDBInstances: { parameter: "DBInstanceIdentifier", kind: "db", notFound: "DBInstanceNotFound" },
  DescribeDBClusters: {
    parameter: "DBClusterIdentifier",
    kind: "cluster",
    notFound: "DBClusterNotFoundFault",
  },
};

export function isQuery({ method, headers }: IncomingMessage): boolean {
  return method === "POST" && (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
}

/** @returns undefined where the question is another */
export function readRdsQuery({ region, accountId }: AwsPlace, body: Buffer): RdsQuery | undefined {
  const form = new URLSearchParams(body.toString("utf8"));
  const action = form.get("Action") ?? "";
  const known = Object.hasOwn(KINDS, action) ? KINDS[action] : undefined;
  if (!known) return undefined;
  const identifier = form.get(known.parameter) ?? "*";
  const resource = identifier.startsWith("arn:")
    ? identifier
    : `arn:aws:rds:${region}:${accountId}:${known.kind}:${identifier}`;
  return {
    access: [{ action: `rds:${action}`, resource }],
    answer: new AwsError(known.notFound, `${identifier} not found.`, 404),
  };
}

export function rdsErrorXml({ code, message }: AwsError): string {
  const text = message.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${text}</Message></Error></ErrorResponse>`;
}
