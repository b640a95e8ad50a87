import * as z from "zod/mini";
import { describeIssue } from "../aws/check-value.ts";
import type { AwsPlace } from "../aws/service.ts";
import { RESOURCE_KINDS, type ResourceFacts } from "./attributes.ts";
import { findCycle } from "./find-cycle.ts";
import { evaluateCondition, NO_VALUE, resolveIntrinsics, type TemplateScope } from "./intrinsics.ts";
import { TemplateError } from "./template-error.ts";

export interface LoadTemplateOptions {
  readonly place: AwsPlace;
  readonly stackName: string;
  /** Where a queue is found: the SDK goes to the host in a queue's URL, whatever its endpoint. */
  readonly queueUrl: (queueName: string) => string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A resource with every intrinsic function resolved. */
export interface LoadedResource {
  readonly logicalId: string;
  readonly type: string;
  /** The physical name. */
  readonly name: string;
  /** What `Ref` gives. */
  readonly ref: string;
  /** What `Fn::GetAtt` gives. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface LoadedTemplate {
  /** In the order of the template, without those whose condition is false. */
  readonly resources: readonly LoadedResource[];
  readonly outputs: Readonly<Record<string, unknown>>;
}

const record = z.record(z.string(), z.unknown());
const Resource = z.strictObject({
  Type: z.string(),
  Properties: z.optional(record),
  Condition: z.optional(z.string()),
  /** The local run makes resources in an order of its own. */
  DependsOn: z.optional(z.union([z.string(), z.array(z.string())])),
  DeletionPolicy: z.optional(z.string()),
  UpdateReplacePolicy: z.optional(z.string()),
  Metadata: z.optional(z.unknown()),
});
const Template = z.strictObject({
  AWSTemplateFormatVersion: z.optional(z.string()),
  Description: z.optional(z.string()),
  Metadata: z.optional(z.unknown()),
  Parameters: z.optional(
    z.record(
      z.string(),
      z.looseObject({
        Type: z.enum(["String", "Number", "CommaDelimitedList"]),
        Default: z.optional(z.union([z.string(), z.number()])),
        AllowedValues: z.optional(z.array(z.union([z.string(), z.number()]))),
      }),
    ),
  ),
  Conditions: z.optional(record),
  Resources: z.record(z.string(), Resource),
  Outputs: z.optional(
    z.record(
      z.string(),
      z.strictObject({
        Value: z.unknown(),
        Description: z.optional(z.string()),
        Condition: z.optional(z.string()),
        Export: z.optional(z.unknown()),
      }),
    ),
  ),
});
type Template = z.infer<typeof Template>;

/**
 * Reads a CloudFormation template as CloudFormation would deploy it: parameters, conditions and intrinsic functions
 * resolved, names and ARNs in place. What cannot be resolved is refused, never passed on.
 *
 * @param source the template, parsed from its JSON
 * @throws TemplateError with the place in the template
 */
export function loadTemplate(source: unknown, options: LoadTemplateOptions): LoadedTemplate {
  const template = parseTemplate(source);
  const { place, stackName, queueUrl } = options;
  const edges = new Map<string, Set<string>>();
  const known = new Map<string, unknown>([
    ["AWS::AccountId", place.accountId],
    ["AWS::Region", place.region],
    ["AWS::Partition", "aws"],
    ["AWS::URLSuffix", "amazonaws.com"],
    ["AWS::StackName", stackName],
    ["AWS::StackId", `arn:aws:cloudformation:${place.region}:${place.accountId}:stack/${stackName}/local`],
    ["AWS::NotificationARNs", []],
    ["AWS::NoValue", NO_VALUE],
    ...parameterValues(template.Parameters ?? {}, options.parameters ?? {}),
  ]);
  const underWay = new Set<string>();

  /** Names and conditions are worked out when they are asked for: a ring of them would never end. */
  function guarded<T>(what: string, path: string, work: () => T): T {
    if (underWay.has(what))
      throw new TemplateError(path, `circular reference: ${[...underWay, what].join(" → ")}`);
    underWay.add(what);
    try {
      return work();
    } finally {
      underWay.delete(what);
    }
  }

  function condition(name: string, path: string): boolean {
    const definition = template.Conditions?.[name];
    if (definition === undefined) throw new TemplateError(path, `there is no condition ${name}`);
    const place = `Conditions.${name}`;
    return guarded(place, path, () =>
      evaluateCondition(definition, place, { ...scope(), ...withoutResources }),
    );
  }
  const withoutResources = {
    reference: (name: string, path: string) =>
      known.has(name) ? known.get(name) : refuse(path, `${name} is not a parameter`),
    attribute: (_id: string, _attribute: string, path: string) =>
      refuse(path, "conditions cannot refer to resources"),
  };

  function facts(logicalId: string, path: string): ResourceFacts & { readonly type: string } {
    const resource = template.Resources[logicalId];
    if (!resource) throw new TemplateError(path, `there is no resource or parameter ${logicalId}`);
    if (
      resource.Condition !== undefined &&
      !condition(resource.Condition, `Resources.${logicalId}.Condition`)
    ) {
      throw new TemplateError(
        path,
        `${logicalId} is not created, since its condition ${resource.Condition} is false`,
      );
    }
    const property = (name: string) => {
      const value = resource.Properties?.[name];
      const at = `Resources.${logicalId}.Properties.${name}`;
      const resolved = guarded(at, path, () => resolveIntrinsics(value, at, scope(logicalId)));
      return resolved === NO_VALUE ? undefined : resolved;
    };
    const nameProperty = RESOURCE_KINDS[resource.Type]?.nameProperty;
    const name = nameProperty === undefined ? `${stackName}-${logicalId}-local` : property(nameProperty);
    if (typeof name !== "string" || name === "") {
      throw new TemplateError(`Resources.${logicalId}`, `${resource.Type} needs a ${nameProperty}`);
    }
    return { type: resource.Type, stackName, place, logicalId, name, property, queueUrl };
  }

  function attribute(logicalId: string, name: string, path: string): string {
    const resource = facts(logicalId, path);
    const read = RESOURCE_KINDS[resource.type]?.attributes[name];
    if (!read) throw new TemplateError(path, `${logicalId} (${resource.type}) has no attribute ${name} here`);
    return read(resource);
  }

  function ref(logicalId: string, path: string): string {
    const resource = facts(logicalId, path);
    const kind = RESOURCE_KINDS[resource.type];
    if (!kind)
      throw new TemplateError(path, `the local run does not know ${resource.type}, the type of ${logicalId}`);
    return kind.ref(resource);
  }

  /** `from` is the resource that refers; absent for outputs. */
  function scope(from?: string): TemplateScope {
    const depend = (to: string) =>
      from !== undefined && edges.set(from, (edges.get(from) ?? new Set()).add(to));
    return {
      condition,
      reference(name, path) {
        if (known.has(name)) return known.get(name);
        depend(name);
        return ref(name, path);
      },
      attribute(logicalId, name, path) {
        depend(logicalId);
        return attribute(logicalId, name, path);
      },
    };
  }

  function load(logicalId: string, resource: Template["Resources"][string]): LoadedResource {
    const path = `Resources.${logicalId}`;
    const { name, type } = facts(logicalId, path);
    for (const other of [resource.DependsOn ?? []].flat()) {
      if (!template.Resources[other])
        throw new TemplateError(`${path}.DependsOn`, `there is no resource ${other}`);
      edges.set(logicalId, (edges.get(logicalId) ?? new Set()).add(other));
    }
    const kind = RESOURCE_KINDS[type];
    const attributes = Object.keys(kind?.attributes ?? {}).map((key) => [
      key,
      attribute(logicalId, key, path),
    ]);
    const properties = resolveIntrinsics(resource.Properties ?? {}, `${path}.Properties`, scope(logicalId));
    return {
      logicalId,
      type,
      name,
      ref: kind ? ref(logicalId, path) : name,
      attributes: Object.fromEntries(attributes),
      properties: z.parse(record, properties),
    };
  }

  const isCreated = (name: string | undefined, path: string) => name === undefined || condition(name, path);
  const resources = Object.entries(template.Resources)
    .filter(([id, resource]) => isCreated(resource.Condition, `Resources.${id}.Condition`))
    .map(([id, resource]) => load(id, resource));
  const cycle = findCycle(edges);
  if (cycle)
    throw new TemplateError("Resources", `circular dependency between resources: ${cycle.join(" → ")}`);
  const outputs = Object.entries(template.Outputs ?? {})
    .filter(([id, output]) => isCreated(output.Condition, `Outputs.${id}.Condition`))
    .map(([id, output]) => [id, resolveIntrinsics(output.Value, `Outputs.${id}.Value`, scope())]);
  return { resources, outputs: Object.fromEntries(outputs) };
}

function parseTemplate(source: unknown): Template {
  const result = z.safeParse(Template, source, { error: describeIssue });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const problem =
    issue?.code === "unrecognized_keys"
      ? `the local run does not support ${issue.keys.join(", ")}`
      : issue?.message;
  throw new TemplateError(issue?.path.join(".") || "template", problem ?? "is not valid");
}

function parameterValues(
  declared: NonNullable<Template["Parameters"]>,
  given: Readonly<Record<string, string>>,
): readonly (readonly [string, string | readonly string[]])[] {
  for (const name of Object.keys(given)) {
    if (!declared[name]) throw new TemplateError("Parameters", `the template has no parameter ${name}`);
  }
  return Object.entries(declared).map(([name, { Type, Default, AllowedValues }]) => {
    const value = given[name] ?? Default;
    if (value === undefined)
      throw new TemplateError(`Parameters.${name}`, "has no default, and no value was given");
    if (AllowedValues && !AllowedValues.map(String).includes(String(value))) {
      throw new TemplateError(`Parameters.${name}`, `${value} is none of ${AllowedValues.join(", ")}`);
    }
    const text = String(value);
    return [name, Type === "CommaDelimitedList" ? text.split(",").map((item) => item.trim()) : text] as const;
  });
}

function refuse(path: string, problem: string): never {
  throw new TemplateError(path, problem);
}
