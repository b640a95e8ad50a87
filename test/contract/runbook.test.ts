import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";

/** The page is what somebody opens at night: every alarm has its place there, with the same four answers. */
const page = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
const [, ...texts] = page.split(/^## /m);
const sections = texts.map((text) => {
  const [title = "", ...lines] = text.split("\n");
  const listed = lines.find((line) => line.startsWith("Alarms: ")) ?? title;
  return { title, text, alarms: [...listed.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name) };
});

interface Alarms {
  resources(context: {
    resolveVariable: (address: string) => Promise<unknown>;
  }): Promise<{ Resources: Record<string, { Properties: { AlarmName: string; AlarmDescription: string } }> }>;
}
const alarms: Alarms = createRequire(import.meta.url)("../../resources/alarms.cjs");
const settings: Readonly<Record<string, unknown>> = {
  "sls:stage": "test",
  "self:custom.name": "keyturn-test",
  "self:custom.alarmActions": [],
  "self:custom.visibilitySeconds": {},
  "self:custom.alarmOnSilentInstances": "false",
  "self:custom.alarmOnStaleInstances": "true",
};

test("the sections are those of the template's alarms, each once", async () => {
  const { Resources } = await alarms.resources({
    resolveVariable: async (address) => settings[address] ?? 0,
  });
  const names = Object.values(Resources).map(({ Properties }) =>
    Properties.AlarmName.replace("keyturn-test-", ""),
  );
  expect(sections.flatMap((section) => section.alarms).toSorted()).toEqual(names.toSorted());
  for (const { Properties } of Object.values(Resources))
    expect(Properties.AlarmDescription).toContain("docs/runbook.md");
});

test.each(sections)(
  "$title says what it means, what to look at, what to do, and how to try it",
  ({ text }) => {
    for (const part of ["What it means", "What to look at", "What to do", "Try it locally"])
      expect(text).toContain(`**${part}.**`);
  },
);

test("commands go to the stage, the Region and the account that are named at the top", () => {
  const exported = /^export (.+)$/m.exec(page)?.[1] ?? "";
  expect([...exported.matchAll(/(\w+)=/g)].map(([, name]) => name)).toEqual([
    "KEYTURN_STAGE",
    "AWS_REGION",
    "AWS_PROFILE",
  ]);
  expect(page.indexOf("export ")).toBeLessThan(page.indexOf("keyturn doctor"));
  expect(page).not.toContain("--stage ");
  for (const [command] of page.matchAll(/(?<=`)aws [^`]+/g)) expect(command).not.toContain("keyturn-STAGE");
});

test("the alarms to get up for are alarms that have a section", () => {
  const listed = /\*\*Get up for\*\* (.+?), and dead letters/s.exec(page)?.[1] ?? "";
  const names = [...listed.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name);
  expect(names).toContain("redeploy-planned");
  expect(sections.flatMap(({ alarms }) => alarms)).toEqual(expect.arrayContaining(names));
});

test("commands that it names are those of the command line", () => {
  const cli = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  const commands = [...page.matchAll(/keyturn ([a-z]+)\b/g)].map(([, name]) => name);
  expect(commands.length).toBeGreaterThan(0);
  for (const name of new Set(commands)) expect(cli).toMatch(new RegExp(`^## ${name}$`, "m"));
});

test("anchors in other pages are there", () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-");
  for (const [, file, anchor] of page.matchAll(/\]\((\w+\.md)#([\w-]+)\)/g)) {
    const headings = readFileSync(new URL(`../../docs/${file}`, import.meta.url), "utf8").matchAll(
      /^##+ (.+)$/gm,
    );
    expect(
      [...headings].map(([, heading = ""]) => slug(heading)),
      `${file}#${anchor}`,
    ).toContain(anchor);
  }
});
