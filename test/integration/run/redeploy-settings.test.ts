import { expect, test } from "vitest";
import { eventually, packagedStack, startTestRun, type TestRun } from "./local-run.ts";
import { startTestService } from "./service.ts";
import { createTestStore } from "./store.ts";

interface TemplateFunction {
  readonly Type: string;
  readonly Properties: {
    readonly FunctionName?: string;
    readonly Environment?: { readonly Variables: Readonly<Record<string, unknown>> };
  };
}

/** Starts the stack with other settings of redeploy than it was packaged with. */
async function startWith(settings: Readonly<Record<string, string>>): Promise<TestRun> {
  const packaged = packagedStack();
  const { Resources, ...rest } = packaged.template as { Resources: Record<string, TemplateFunction> };
  const changed = Object.entries(Resources).map(([id, resource]) => {
    const { FunctionName = "", Environment } = resource.Properties;
    if (resource.Type !== "AWS::Lambda::Function" || !FunctionName.endsWith("-redeploy"))
      return [id, resource];
    const Variables = { ...Environment?.Variables, ...settings };
    return [id, { ...resource, Properties: { ...resource.Properties, Environment: { Variables } } }];
  });
  const template = { ...rest, Resources: Object.fromEntries(changed) };
  return startTestRun({ packaged: { ...packaged, template } });
}

async function runWith(settings: Readonly<Record<string, string>>, act: (run: TestRun) => Promise<void>) {
  const run = await startWith(settings);
  try {
    await act(run);
  } finally {
    await run.stop();
  }
}

test("a dry run says what would be redeployed, and redeploys nothing", () =>
  runWith({ REDEPLOY_DRY_RUN: "true" }, async (run) => {
    const store = await createTestStore(run);
    const service = await startTestService(run, store);
    const before = await service.taskArns();
    const { versionId } = await store.rotate("alternating-users");
    await eventually(() =>
      expect(run.seen.domainEvents(versionId)).toContainEqual(
        expect.objectContaining({
          type: "RedeployPlanned",
          detail: expect.objectContaining({
            staleTasks: 1,
            serviceArn: expect.stringContaining(service.name),
          }),
        }),
      ),
    );
    expect(await service.taskArns()).toEqual(before);
    expect(run.seen.domainEvents(versionId).map(({ type }) => type)).not.toContain("ServiceRedeployed");
  }));

test("where one service may be in deployment at a time, the next one waits until it is done", () =>
  runWith({ MAX_CONCURRENT_REDEPLOYS: "1" }, async (run) => {
    const store = await createTestStore(run);
    const services = await Promise.all([1, 2].map(() => startTestService(run, store)));
    const { versionId } = await store.rotate("alternating-users");
    for (const service of services) {
      await eventually(() => expect(service.startedAs()).toEqual([...store.users]));
      await service.steady();
    }
    const steps = run.seen
      .domainEvents(versionId)
      .map(({ type }) => type)
      .filter((type) => type === "ServiceRedeployed" || type === "RedeployDeferred");
    expect(steps.slice(0, 2)).toEqual(["ServiceRedeployed", "RedeployDeferred"]);
    expect(steps.filter((type) => type === "ServiceRedeployed")).toHaveLength(2);
    // Whoever waits is not a failure: nothing is in a dead-letter queue, and no message was delivered again.
    expect(run.seen.logsOf("redeploy").filter(({ error }) => error)).toEqual([]);
  }));
