import { type CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import {
  GetFunctionConfigurationCommand,
  type LambdaClient,
  paginateListEventSourceMappings,
} from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";

/** What there is on AWS, and the local run has nothing of. */
export interface Account {
  /** ARN of whoever is signed in. */
  caller(): Promise<string>;
  /** Status and outputs of a stack; undefined where it is not there. */
  stack(name: string): Promise<{ readonly status: string; readonly outputs: readonly string[] } | undefined>;
  /** Whether the function takes messages, and the VPC that it runs in. */
  function(name: string): Promise<{ readonly isFed: boolean; readonly vpcId?: string }>;
}

export interface AccountClients {
  readonly sts: STSClient;
  readonly cloudFormation: CloudFormationClient;
  readonly lambda: LambdaClient;
}

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
      const { VpcConfig } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      let isFed = false;
      for await (const page of paginateListEventSourceMappings({ client: lambda }, { FunctionName })) {
        isFed ||= (page.EventSourceMappings ?? []).some(({ State }) => State === "Enabled");
      }
      return { isFed, ...(VpcConfig?.VpcId && { vpcId: VpcConfig.VpcId }) };
    },
  };
}
