import * as z from "zod/mini";
import { AwsError } from "./aws-error.ts";
import { parseInput, textOf, toAwsTime } from "./aws-input.ts";
import { type AwsEvent, createAwsEvent } from "./events/aws-event.ts";
import type { AwsJsonService, AwsPlace } from "./service.ts";

export interface ParameterStoreDeps {
  readonly place: AwsPlace;
  readonly now: () => Date;
  /** Takes `Parameter Store Change`. */
  readonly emit: (event: AwsEvent) => void;
}

interface Parameter {
  readonly type: string;
  readonly version: number;
  readonly changedAt: Date;
}

const PutInput = z.object({
  Name: z.string().check(z.minLength(1), z.regex(/^[\w./-]+$/)),
  Value: z.string().check(z.minLength(1)),
  Type: z.optional(z.enum(["String", "StringList", "SecureString"])),
  Overwrite: z.optional(z.boolean()),
});
const Filter = z.object({
  Key: z.enum(["Name", "Type"]),
  Option: z.optional(z.enum(["Equals", "BeginsWith"])),
  Values: z.array(z.string()),
});
const DescribeInput = z.object({ ParameterFilters: z.optional(z.array(Filter)) });

/** Parameter Store as far as its signs go: versions, times and the event of a change. It gives values to nobody. */
export function createParameterStore({ place, now, emit }: ParameterStoreDeps): { service: AwsJsonService } {
  const parameters = new Map<string, Parameter>();
  const arnOf = (name: string) =>
    `arn:aws:ssm:${place.region}:${place.accountId}:parameter/${name.replace(/^\//, "")}`;

  return {
    service: {
      targetPrefix: "AmazonSSM",
      jsonVersion: "1.1",
      operations: {
        PutParameter: {
          access: ({ Name: name }) => [{ action: "ssm:PutParameter", resource: arnOf(textOf(name)) }],
          run(input) {
            const { Name: name, Type: type = "String", Overwrite } = parseInput(PutInput, input);
            const known = parameters.get(name);
            if (known && !Overwrite) {
              throw new AwsError("ParameterAlreadyExists", "The parameter already exists. Set Overwrite.");
            }
            const parameter = {
              type: known?.type ?? type,
              version: (known?.version ?? 0) + 1,
              changedAt: now(),
            };
            parameters.set(name, parameter);
            const detail = { operation: known ? "Update" : "Create", name, type: parameter.type };
            const change = {
              source: "aws.ssm",
              detailType: "Parameter Store Change",
              resources: [arnOf(name)],
              detail,
            };
            emit(createAwsEvent(place, change, parameter.changedAt));
            return { Version: parameter.version, Tier: "Standard" };
          },
        },
        DescribeParameters: {
          access: () => [{ action: "ssm:DescribeParameters", resource: "*" }],
          run(input) {
            const { ParameterFilters = [] } = parseInput(DescribeInput, input);
            const found = [...parameters].filter(([name, { type }]) =>
              ParameterFilters.every(({ Key, Option, Values }) => {
                const given = Key === "Name" ? name : type;
                return Values.some((value) =>
                  Option === "BeginsWith" ? given.startsWith(value) : given === value,
                );
              }),
            );
            return {
              Parameters: found.map(([Name, { type: Type, version: Version, changedAt }]) => ({
                Name,
                ARN: arnOf(Name),
                Type,
                Version,
                LastModifiedDate: toAwsTime(changedAt),
              })),
            };
          },
        },
      },
    },
  };
}
