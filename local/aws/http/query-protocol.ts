import type { IncomingMessage } from "node:http";
import { AwsError } from "../aws-error.ts";
import type { AccessRequest, AwsPlace, Caller } from "../service.ts";

/** A question in AWS's query protocol: a form as the body, XML as the answer. */
export interface AwsQuery {
  readonly action: string;
  readonly access: readonly AccessRequest[];
  /** Fields of the answer, or why there is none. */
  readonly answer: Readonly<Record<string, string>> | AwsError;
}

const DATABASES: Readonly<Record<string, { parameter: string; kind: string; notFound: string }>> = {
  DescribeDBInstances: { parameter: "DBInstanceIdentifier", kind: "db", notFound: "DBInstanceNotFound" },
  DescribeDBClusters: {
    parameter: "DBClusterIdentifier",
    kind: "cluster",
    notFound: "DBClusterNotFoundFault",
  },
};

/** What the local run answers in this protocol, for messages. */
export const QUERIES = `RDS.{${Object.keys(DATABASES).join(", ")}}; STS.{GetCallerIdentity}`;

export function isQuery({ method, headers }: IncomingMessage): boolean {
  return method === "POST" && (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
}

/** @returns undefined where the question is another */
export function readQuery(place: AwsPlace, body: Buffer, caller: Caller): AwsQuery | undefined {
  const form = new URLSearchParams(body.toString("utf8"));
  const action = form.get("Action") ?? "";
  return action === "GetCallerIdentity" ? callerIdentity(place, caller) : readRdsQuery(place, action, form);
}

/** `sls invoke local` asks it for the account. Nobody needs a permission for it: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
function callerIdentity({ accountId }: AwsPlace, { accessKeyId, roleArn, name }: Caller): AwsQuery {
  const role = roleArn?.slice(roleArn.lastIndexOf("/") + 1);
  const Arn = role
    ? `arn:aws:sts::${accountId}:assumed-role/${role}/${name}`
    : `arn:aws:iam::${accountId}:user/${name}`;
  return {
    action: "GetCallerIdentity",
    access: [],
    answer: { Arn, UserId: accessKeyId, Account: accountId },
  };
}

/** RDS has no databases here. */
function readRdsQuery(
  { region, accountId }: AwsPlace,
  action: string,
  form: URLSearchParams,
): AwsQuery | undefined {
  const known = Object.hasOwn(DATABASES, action) ? DATABASES[action] : undefined;
  if (!known) return undefined;
  const identifier = form.get(known.parameter) ?? "*";
  const resource = identifier.startsWith("arn:")
    ? identifier
    : `arn:aws:rds:${region}:${accountId}:${known.kind}:${identifier}`;
  return {
    action,
    access: [{ action: `rds:${action}`, resource }],
    answer: new AwsError(known.notFound, `${identifier} not found.`, 404),
  };
}

/** @param action of which this is the answer */
export function queryXml(action: string, answer: AwsQuery["answer"]): string {
  if (answer instanceof AwsError) {
    return `<ErrorResponse><Error><Type>Sender</Type><Code>${answer.code}</Code><Message>${inXml(answer.message)}</Message></Error></ErrorResponse>`;
  }
  const fields = Object.entries(answer).map(([name, value]) => `<${name}>${inXml(value)}</${name}>`);
  return `<${action}Response><${action}Result>${fields.join("")}</${action}Result></${action}Response>`;
}

const inXml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
