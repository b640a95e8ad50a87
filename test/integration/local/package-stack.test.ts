import { expect, test } from "vitest";
import { packageStack } from "../../../local/package-stack.ts";

test("stacks that are packaged at the same time do not meet", async () => {
  const stages = ["one", "two"];
  const packaged = await Promise.all(stages.map((stage) => packageStack(stage, "us-east-1")));
  const namesIn = (template: unknown) => JSON.stringify(template).match(/"keyturn-(?:one|two)-notify"/g);
  try {
    expect(packaged.map(({ template }) => [...new Set(namesIn(template))])).toEqual([
      ['"keyturn-one-notify"'],
      ['"keyturn-two-notify"'],
    ]);
  } finally {
    for (const stack of packaged) await stack.remove();
  }
});
