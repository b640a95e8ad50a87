import type { AwsPlace } from "../../../local/aws/service.ts";
import { readStack, type Stack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { packagedStack } from "./local-run.ts";

/** A statement of a policy, as far as tests look into it. */
export interface Statement {
  readonly Action: readonly string[];
  readonly [element: string]: unknown;
}

export interface TemplateRole {
  readonly name: string;
  readonly arn: string;
  /** Of all policies of the role together. */
  readonly statements: readonly Statement[];
}

interface Template {
  readonly Conditions: Record<string, unknown>;
  readonly Resources: Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>;
}

/** The tag that measure is told to look for; the other functions take every secret. */
export const WATCHED_TAG = "team=orders";

/**
 * The packaged stack with every permission that does not need a VPC: verify may move AWSCURRENT back, and measure may look
 * at tags.
 */
export function fullyPermitted() {
  const packaged = packagedStack();
  const template = structuredClone(packaged.template) as Template;
  template.Conditions.RestoresPrevious = { "Fn::Equals": ["true", "true"] };
  variablesOf(template, "VerifyLambdaFunction").RESTORE_PREVIOUS = "true";
  template.Conditions.WatchesTags = { "Fn::Equals": ["true", "true"] };
  variablesOf(template, "MeasureLambdaFunction").WATCHED_TAGS = WATCHED_TAG;
  return { ...packaged, template };
}

function variablesOf({ Resources }: Template, id: string): Record<string, string> {
  const { Variables } = (Resources[id]?.Properties.Environment ?? {}) as {
    readonly Variables?: Record<string, string>;
  };
  if (!Variables) throw new Error(`The template has no function ${id}`);
  return Variables;
}

/** The resources of a template as the local run makes them. */
export function stackOf(template: unknown, place: AwsPlace, endpoint = "http://127.0.0.1"): Stack {
  const { resources } = loadTemplate(template, {
    place,
    stackName: `keyturn-${packagedStack().stage}`,
    queueUrl: (queue) => `${endpoint}/${place.accountId}/${queue}`,
  });
  return readStack(resources);
}

/** Roles by what they are for: `notify`, `reports-rule`. */
export function rolesOf(stack: Stack): ReadonlyMap<string, TemplateRole> {
  return new Map(
    stack.roles.map(({ name, arn, properties }) => {
      const statements = (properties.Policies ?? []).flatMap(({ PolicyDocument }) =>
        ([PolicyDocument.Statement].flat() as { readonly Action: string | readonly string[] }[]).map(
          (statement) => ({ ...statement, Action: [statement.Action].flat() }),
        ),
      );
      return [name.split("us-east-1-").at(-1) ?? name, { name, arn, statements }];
    }),
  );
}

/** The statements without one action. */
export function withoutAction(statements: readonly Statement[], action?: string): Statement[] {
  return statements
    .map((statement) => ({ ...statement, Action: statement.Action.filter((one) => one !== action) }))
    .filter(({ Action }) => Action.length > 0);
}
