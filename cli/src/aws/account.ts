import {
  type CloudFormationClient,
  DescribeStacksCommand,
  DetectStackResourceDriftCommand,
} from "@aws-sdk/client-cloudformation";
import {
  GetFunctionConfigurationCommand,
  type LambdaClient,
  paginateListEventSourceMappings,
} from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";

export interface Vpc {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

export interface FunctionSummary {
  /** Names of the queues that it takes messages from: those whose event source mapping is enabled. */
  readonly fedBy: readonly string[];
  /** Why Lambda cannot run it, such as a subnet that is gone; absent where it can. */
  readonly trouble?: string;
  /** Absent where it runs outside of every VPC. */
  readonly vpc?: Vpc;
}

/** What there is on AWS, and the local run has nothing of. */
export interface Account {
  /** ARN of whoever is signed in. */
  caller(): Promise<string>;
  /** Status and outputs of a stack; undefined where it is not there. */
  stack(name: string): Promise<{ readonly status: string; readonly outputs: readonly string[] } | undefined>;
  function(name: string): Promise<FunctionSummary>;
  /**
   * Compares one resource of a stack with what the stack made of it.
   *
   * @param logicalId its name in the template
   * @returns CloudFormation's word for it, such as `IN_SYNC`, `MODIFIED` or `DELETED`
   */
  drift(stackName: string, logicalId: string): Promise<string>;
}

export interface AccountClients {
  readonly sts: STSClient;
  readonly cloudFormation: CloudFormationClient;
  readonly lambda: LambdaClient;
}

/** States of a mapping in which messages go on being taken. */
const FEEDING: ReadonlySet<string> = new Set(["Enabled", "Updating"]);

export function createAccount({ sts, cloudFormation, lambda }: AccountClients): Account {
  return {
    async caller() {
      return (await sts.send(new GetCallerIdentityCommand())).Arn ?? "unknown";
    },

    async stack(StackName) {
      const answer = await cloudFormation.send(new DescribeStacksCommand({ StackName })).catch((error) => {
        // CloudFormation has no error of its own for it.
        if (error instanceof Error && /does not exist/.test(error.message)) return undefined;
        throw error;
      });
      const [stack] = answer?.Stacks ?? [];
      if (!stack) return undefined;
      const outputs = (stack.Outputs ?? []).flatMap(({ OutputKey }) => OutputKey ?? []);
      return { status: stack.StackStatus ?? "unknown", outputs };
    },

    async function(FunctionName) {
      const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason, VpcConfig } = configuration;
      const fedBy: string[] = [];
      for await (const page of paginateListEventSourceMappings({ client: lambda }, { FunctionName })) {
        for (const mapping of page.EventSourceMappings ?? []) {
          const queue = mapping.EventSourceArn?.split(":").at(-1);
          if (queue && FEEDING.has(mapping.State ?? "")) fedBy.push(queue);
        }
      }
      const trouble =
        State === "Failed"
          ? (StateReason ?? State)
          : LastUpdateStatus === "Failed"
            ? (LastUpdateStatusReason ?? LastUpdateStatus)
            : undefined;
      return {
        fedBy,
        ...(trouble && { trouble }),
        ...(VpcConfig?.VpcId && {
          vpc: {
            vpcId: VpcConfig.VpcId,
            subnetIds: VpcConfig.SubnetIds ?? [],
            securityGroupIds: VpcConfig.SecurityGroupIds ?? [],
          },
        }),
      };
    },

    async drift(StackName, LogicalResourceId) {
      const { StackResourceDrift } = await cloudFormation.send(
        new DetectStackResourceDriftCommand({ StackName, LogicalResourceId }),
      );
      return StackResourceDrift?.StackResourceDriftStatus ?? "unknown";
    },
  };
}
