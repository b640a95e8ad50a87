import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterEach, expect, test } from "vitest";
import { createFunctionRuntime, type FunctionRuntimeOptions } from "../../../../local/lambda/runtime.ts";

const cleanups: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A function from the source of its handler module, packaged as the deployment does it. */
async function deploy(source: string, options: Partial<FunctionRuntimeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-test-zip-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const zipPath = join(folder, "function.zip");
  await writeFile(zipPath, zipSync({ functions: { demo: { "handler.mjs": strToU8(source) } } }));
  const log: string[] = [];
  const runtime = createFunctionRuntime({
    name: "demo",
    zipPath,
    handler: "functions/demo/handler.handler",
    environment: { GREETING: "hello" },
    memoryMb: 128,
    timeoutSeconds: 5,
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" },
    place: { accountId: "000000000000", region: "us-east-1" },
    endpointUrl: "http://127.0.0.1:1",
    onLog: (line) => log.push(line),
    ...options,
  });
  cleanups.push(() => runtime.stop());
  return { runtime, log };
}

test("shows the function the template's variables and Lambda's, and nothing of the machine's", async () => {
  const { runtime } = await deploy("export const handler = async () => process.env;");
  const env = (await runtime.invoke({})) as Record<string, string>;
  expect(env).toMatchObject({
    GREETING: "hello",
    AWS_REGION: "us-east-1",
    AWS_LAMBDA_FUNCTION_NAME: "demo",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_ACCESS_KEY_ID: "AKIAFAKEFAKE",
    AWS_SECRET_ACCESS_KEY: "fake-secret",
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    _HANDLER: "functions/demo/handler.handler",
  });
  expect(env).not.toHaveProperty("PATH");
  expect(env).not.toHaveProperty("HOME");
  expect(env).not.toHaveProperty("AWS_SESSION_TOKEN");
  expect(existsSync(join(env.LAMBDA_TASK_ROOT ?? "", "functions/demo/handler.mjs"))).toBe(true);
});

test("hands over event and context, and answers with the handler's result as JSON", async () => {
  const { runtime } = await deploy(`export const handler = async (event, context) =>
    ({ event, remaining: context.getRemainingTimeInMillis(), at: new Date(0), none: undefined, ...context });`);
  const answer = (await runtime.invoke({ a: [1] })) as Record<string, unknown>;
  expect(answer).toMatchObject({
    event: { a: [1] },
    at: "1970-01-01T00:00:00.000Z",
    functionName: "demo",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:demo",
    memoryLimitInMB: "128",
    logGroupName: "/aws/lambda/demo",
  });
  expect(answer.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.remaining).toBeGreaterThan(4_000);
  expect(answer.remaining).toBeLessThanOrEqual(5_000);
  expect(answer).not.toHaveProperty("none");
});

test("answers null for a handler without a result", async () => {
  const { runtime } = await deploy("export const handler = () => {};");
  expect(await runtime.invoke({})).toBeNull();
});

test("logs every line of stdout and stderr before the invocation ends", async () => {
  const { runtime, log } = await deploy(`export const handler = async () => {
    for (let i = 0; i < 200; i += 1) console.log("line " + i);
    console.error("last");
  };`);
  await runtime.invoke({});
  expect(log.filter((line) => line !== "last")).toEqual(Array.from({ length: 200 }, (_, i) => `line ${i}`));
  expect(log).toContain("last");
});

test("keeps an environment warm, and one event at a time in it", async () => {
  const { runtime } = await deploy("let count = 0; export const handler = async () => ++count;");
  expect([await runtime.invoke({}), await runtime.invoke({}), await runtime.invoke({})]).toEqual([1, 2, 3]);
});

test("starts more environments under load, up to the cap, and lets the rest wait their turn", async () => {
  // Every environment answers with its number of calls: five environments for six events that overlap.
  const { runtime } = await deploy(
    "let calls = 0; export const handler = async () => { calls += 1; await new Promise((r) => setTimeout(r, 300)); return calls; };",
  );
  const calls = await Promise.all(Array.from({ length: 6 }, () => runtime.invoke({})));
  expect(calls).toEqual([1, 1, 1, 1, 1, 2]);
});

test("passes on what the handler threw, and uses the environment again", async () => {
  const { runtime } = await deploy(`let calls = 0;
    export const handler = async () => { calls += 1; if (calls === 1) throw new RangeError("too far"); return calls; };`);
  await expect(runtime.invoke({})).rejects.toMatchObject({
    name: "FunctionError",
    errorType: "RangeError",
    errorMessage: "too far",
  });
  expect(await runtime.invoke({})).toBe(2);
});

const endings = [
  {
    ending: "the time limit, even in an endless loop",
    act: "for (;;);",
    errorType: "Sandbox.Timedout",
    errorMessage: /^RequestId: \S+ Error: Task timed out after 1\.00 seconds$/,
  },
  {
    ending: "the memory limit",
    act: "const kept = []; for (;;) kept.push(new Array(1e5).fill(Math.random()));",
    errorType: "Runtime.OutOfMemory",
    errorMessage: /^RequestId: \S+ Error: Runtime exited with error: signal: killed$/,
  },
  {
    ending: "process.exit",
    act: "process.exit(7);",
    errorType: "Runtime.ExitError",
    errorMessage: /^RequestId: \S+ Error: Runtime exited with error: exit status 7$/,
  },
  {
    ending: "an uncaught exception",
    act: "setTimeout(() => { throw new TypeError('nobody caught this'); }); await new Promise(() => {});",
    errorType: "TypeError",
    errorMessage: /^nobody caught this$/,
  },
  {
    ending: "an unhandled rejection",
    act: "Promise.reject(new Error('nobody awaited this')); await new Promise(() => {});",
    errorType: "Runtime.UnhandledPromiseRejection",
    errorMessage: /nobody awaited this/,
  },
];
test.for(endings)(
  "ends the environment at $ending, and starts a fresh one for the next event",
  async ({ act, errorType, errorMessage }) => {
    const { runtime } = await deploy(
      `let calls = 0; export const handler = async ({ isBad }) => { calls += 1; if (isBad) { ${act} } return calls; };`,
      { timeoutSeconds: errorType === "Sandbox.Timedout" ? 1 : 20 },
    );
    expect(await runtime.invoke({})).toBe(1);
    await expect(runtime.invoke({ isBad: true })).rejects.toMatchObject({
      errorType,
      errorMessage: expect.stringMatching(errorMessage),
    });
    expect(await runtime.invoke({})).toBe(1);
  },
);

test.for([
  ["no such file", "functions/other/handler.handler", "Runtime.ImportModuleError"],
  ["no such export", "functions/demo/handler.other", "Runtime.HandlerNotFound"],
] as const)("says so where the handler names %s", async ([, handler, errorType]) => {
  const { runtime } = await deploy("export const handler = async () => 1;", { handler });
  await expect(runtime.invoke({})).rejects.toMatchObject({ errorType });
});

test.for([
  ["that throws while it loads", "throw new Error('bad start');", "Error"],
  ["with a syntax error", "export const handler = ;", "Runtime.UserCodeSyntaxError"],
  ["with a missing import", "import 'not-bundled'; export const handler = 1;", "Runtime.ImportModuleError"],
  [
    "with a callback",
    "export const handler = (event, context, callback) => callback();",
    "Runtime.CallbackHandlerDeprecated",
  ],
] as const)("refuses a module %s", async ([, source, errorType]) => {
  const { runtime } = await deploy(source);
  await expect(runtime.invoke({})).rejects.toMatchObject({ errorType });
});

test("refuses a template that sets a reserved variable", async () => {
  await expect(deploy("", { environment: { AWS_REGION: "eu-west-1" } })).rejects.toThrow(
    /reserved keys.*AWS_REGION/,
  );
});

test("stops in the middle of an invocation, fails it, and removes the bundle", async () => {
  const { runtime, log } = await deploy(
    "export const handler = async () => { console.log(process.env.LAMBDA_TASK_ROOT); await new Promise(() => setInterval(() => {}, 1000)); };",
    { timeoutSeconds: 60 },
  );
  const invocation = runtime.invoke({});
  const failure = expect(invocation).rejects.toMatchObject({ errorType: "Runtime.ExitError" });
  await expect.poll(() => log[0]).toBeDefined();
  await Promise.all([runtime.stop(), runtime.stop()]);
  await failure;
  expect(existsSync(log[0] ?? "")).toBe(false);
  await expect(runtime.invoke({})).rejects.toThrow(/stopped/);
});
