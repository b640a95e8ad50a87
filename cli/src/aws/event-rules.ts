import {
  type EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
} from "@aws-sdk/client-eventbridge";

/** A rule of the default bus, and what it feeds. */
export interface RuleSummary {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly targets: readonly { readonly arn: string; readonly hasDeadLetters: boolean }[];
}

export interface EventRules {
  /** Those whose names begin so. */
  list(prefix: string): Promise<RuleSummary[]>;
}

export function createEventRules(client: EventBridgeClient): EventRules {
  const targetsOf = async (Rule: string): Promise<RuleSummary["targets"]> => {
    // A rule has five targets at most: they come in one answer.
    const { Targets = [] } = await client.send(new ListTargetsByRuleCommand({ Rule }));
    return Targets.map(({ Arn = "", DeadLetterConfig }) => ({
      arn: Arn,
      hasDeadLetters: DeadLetterConfig?.Arn !== undefined,
    }));
  };

  return {
    async list(NamePrefix) {
      const rules: RuleSummary[] = [];
      let NextToken: string | undefined;
      do {
        const answer = await client.send(new ListRulesCommand({ NamePrefix, NextToken }));
        for (const { Name: name = "", State } of answer.Rules ?? []) {
          rules.push({ name, isEnabled: State !== "DISABLED", targets: await targetsOf(name) });
        }
        NextToken = answer.NextToken;
      } while (NextToken !== undefined);
      return rules;
    },
  };
}
