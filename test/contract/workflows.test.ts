import { readdir, readFile } from "node:fs/promises";
import { load } from "js-yaml";
import { beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";

const root = new URL("../../", import.meta.url);

const Permissions = z.record(z.string(), z.enum(["read", "write", "none"]));
const Job = z.object({
  uses: z.optional(z.string()),
  needs: z.optional(z.array(z.string())),
  if: z.optional(z.string()),
  environment: z.optional(z.string()),
  permissions: z.optional(Permissions),
  "timeout-minutes": z.optional(z.number()),
  strategy: z.optional(z.object({ matrix: z.record(z.string(), z.array(z.unknown())) })),
  steps: z.optional(
    z.array(
      z.object({
        uses: z.optional(z.string()),
        run: z.optional(z.string()),
        "continue-on-error": z.optional(z.boolean()),
      }),
    ),
  ),
});
type Job = z.infer<typeof Job>;
const Workflow = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions: Permissions,
  concurrency: z.object({ group: z.string() }),
  jobs: z.record(z.string(), Job),
});
type Workflow = z.infer<typeof Workflow>;

const Dependabot = z.object({ updates: z.array(z.object({ "package-ecosystem": z.string() })) });

const workflows = new Map<string, Workflow>();
/** With the comments, which YAML's reader leaves out. */
const texts: string[] = [];
let scripts: ReadonlySet<string>;
beforeAll(async () => {
  const folder = new URL(".github/workflows/", root);
  for (const file of await readdir(folder)) {
    const text = await readFile(new URL(file, folder), "utf8");
    texts.push(text);
    workflows.set(file, z.parse(Workflow, load(text)));
  }
  const manifest = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  scripts = new Set(Object.keys(manifest.scripts));
});

const jobs = () => [...workflows.values()].flatMap((workflow) => Object.values(workflow.jobs));
const steps = () => jobs().flatMap((job) => job.steps ?? []);
const job = (file: string, name: string): Job => {
  const found = workflows.get(file)?.jobs[name];
  if (!found) throw new Error(`${file} has no job ${name}`);
  return found;
};

describe("every workflow", () => {
  test("may read alone, unless a job says more", () => {
    for (const [file, { permissions }] of workflows) expect(permissions, file).toEqual({ contents: "read" });
  });

  test("calls npm scripts that there are", () => {
    const called = steps().flatMap(({ run = "" }) =>
      [...run.matchAll(/npm run (?:-s |--silent )?([\w:-]+)/g)].map(([, name = ""]) => name),
    );
    expect(called).toContain("sls");
    expect(called.filter((name) => !scripts.has(name))).toEqual([]);
  });

  test("pins actions by commit, with the version that it is beside it; one action is one commit everywhere", () => {
    const lines = texts.flatMap((text) => text.split("\n")).filter((line) => /uses: (?!\.\/)/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    const pinned = /uses: (?<action>[\w-]+\/[\w-]+)@(?<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$/;
    expect(lines.filter((line) => !pinned.test(line))).toEqual([]);
    const commits = new Set(lines.map((line) => pinned.exec(line)?.[0]));
    const actions = new Set(lines.map((line) => pinned.exec(line)?.groups?.action));
    expect(commits.size).toBe(actions.size);
  });

  test("has its pins and its packages renewed by Dependabot", async () => {
    const text = await readFile(new URL(".github/dependabot.yml", root), "utf8");
    const { updates } = z.parse(Dependabot, load(text));
    expect(updates.map((update) => update["package-ecosystem"]).toSorted()).toEqual([
      "github-actions",
      "npm",
    ]);
  });

  test("ends a job that hangs, and calls workflows that there are", () => {
    for (const { uses, "timeout-minutes": minutes } of jobs()) {
      if (uses === undefined) expect(minutes).toBeGreaterThan(0);
      else expect([...workflows.keys()].map((file) => `./.github/workflows/${file}`)).toContain(uses);
    }
  });

  test("takes no input into a shell as text", () => {
    const scriptsWithInput = steps().filter(({ run = "" }) =>
      /\$\{\{\s*(inputs|vars|github\.event)/.test(run),
    );
    expect(scriptsWithInput).toEqual([]);
  });
});

describe("a change", () => {
  test("is checked on Node 22 and 24 by what decides whether it lands", () => {
    const { strategy, steps: ofChecks = [] } = job("ci.yml", "checks");
    expect(strategy?.matrix.node).toEqual([22, 24]);
    expect(ofChecks.map(({ run }) => run)).toContain(".ci/run");
  });

  test("is audited for what runs, and for what builds, deploys and tests it", () => {
    const { steps: ofAudit = [] } = job("ci.yml", "audit");
    const deciding = ofAudit.filter((step) => !step["continue-on-error"]).map(({ run }) => run);
    expect(deciding).toContain("npm audit --omit=dev --audit-level=high");
    expect(deciding).toContain("npm audit --audit-level=critical");
    expect(ofAudit.map(({ run }) => run)).toContain("npm audit --audit-level=high");
  });
});

describe("a deployment", () => {
  test("goes to staging from develop, and to production from a tag, after all checks", () => {
    const staging = job("ci.yml", "staging");
    const production = job("ci.yml", "production");
    expect(staging.if).toContain("refs/heads/develop");
    expect(production.if).toContain("refs/tags/v");
    for (const { needs } of [staging, production]) expect(needs).toEqual(["checks", "audit", "package"]);
  });

  test("signs in by OpenID Connect, within an environment, without a key kept in GitHub", async () => {
    const { environment, permissions, steps: ofDeploy = [] } = job("deploy.yml", "deploy");
    expect(environment).toContain("inputs.environment");
    expect(permissions).toEqual({ contents: "read", "id-token": "write" });
    expect(ofDeploy.some(({ uses }) => uses?.startsWith("aws-actions/configure-aws-credentials@"))).toBe(
      true,
    );
    for (const file of workflows.keys()) {
      expect(await readFile(new URL(`.github/workflows/${file}`, root), "utf8")).not.toContain("secrets.");
    }
  });
});
