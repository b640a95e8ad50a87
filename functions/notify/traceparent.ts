/** https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
const ROOT = /^1-([\da-f]{8})-([\da-f]{24})$/;
const PARENT = /^[\da-f]{16}$/;

/**
 * The W3C trace context of an X-Ray tracing header, as Lambda has it in `_X_AMZN_TRACE_ID`. A trace that is not
 * sampled gives none: Lambda always names one, and services would take it as a request not to record theirs.
 *
 * @example traceparentOf("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
 */
export function traceparentOf(header: string | undefined): string | undefined {
  const fields = new Map((header ?? "").split(";").map((field) => splitOnce(field.trim())));
  const [, epoch, unique] = ROOT.exec(fields.get("Root") ?? "") ?? [];
  const parent = fields.get("Parent") ?? "";
  if (epoch === undefined || unique === undefined || !PARENT.test(parent)) return undefined;
  return fields.get("Sampled") === "1" ? `00-${epoch}${unique}-${parent}-01` : undefined;
}

function splitOnce(field: string): [name: string, value: string] {
  const [name = "", ...value] = field.split("=");
  return [name, value.join("=")];
}
