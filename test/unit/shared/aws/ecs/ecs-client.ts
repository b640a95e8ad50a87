import { ECSClient, type ServiceInputTypes, type ServiceOutputTypes } from "@aws-sdk/client-ecs";

/** Answers of ECS by action. What the client asks for is given as ECS gets it. */
export type EcsAnswers = Readonly<Record<string, (input: never) => unknown>>;

/**
 * An SDK client that asks nobody: calls are answered from here, and counted.
 *
 * @param onCall what else happens at each call. Calls come past the limiter of ECS's rates then
 */
export function createEcsClientOf(answers: EcsAnswers, onCall?: () => Promise<void>) {
  const calls: { readonly action: string; readonly input: unknown }[] = [];
  const credentials = { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" };
  const client = new ECSClient({ region: "us-east-1", credentials });
  const answerTo = async (commandName: string, input: unknown) => {
    const action = commandName.replace(/Command$/, "");
    calls.push({ action, input });
    await onCall?.();
    const answer = answers[action];
    if (!answer) throw new Error(`Nobody answers ${action}`);
    return { response: {}, output: { ...(answer(input as never) as ServiceOutputTypes), $metadata: {} } };
  };
  if (onCall) {
    client.middlewareStack.addRelativeTo(
      (_next: unknown, { commandName = "" }: { commandName?: string }) =>
        async ({ input }: { input: ServiceInputTypes }) =>
          answerTo(commandName, input),
      { name: "answer", relation: "after", toMiddleware: "keepToEcsRates" },
    );
  } else {
    client.middlewareStack.add(
      (_next, { commandName = "" }) =>
        async ({ input }) =>
          answerTo(commandName, input),
      { step: "initialize", priority: "high" },
    );
  }
  return {
    client,
    calls,
    countOf: (action: string) => calls.filter((call) => call.action === action).length,
  };
}
