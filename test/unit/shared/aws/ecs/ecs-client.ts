import { ECSClient } from "@aws-sdk/client-ecs";

/** Answers of ECS by action. What the client asks for is given as ECS gets it. */
export type EcsAnswers = Readonly<Record<string, (input: never) => unknown>>;

/** An SDK client that asks nobody: calls are answered from here, and counted. */
export function createEcsClientOf(answers: EcsAnswers) {
  const calls: { readonly action: string; readonly input: unknown }[] = [];
  const client = new ECSClient({ region: "us-east-1" });
  client.middlewareStack.add(
    (_next, { commandName = "" }) =>
      async ({ input }) => {
        const action = commandName.replace(/Command$/, "");
        calls.push({ action, input });
        const answer = answers[action];
        if (!answer) throw new Error(`Nobody answers ${action}`);
        return { response: {}, output: answer(input as never) as object & { $metadata: object } };
      },
    { step: "initialize", priority: "high" },
  );
  return {
    client,
    calls,
    countOf: (action: string) => calls.filter((call) => call.action === action).length,
  };
}
