import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../local/package-stack.ts";
import { type NpmScript, startNpmScript } from "../integration/run/npm-script.ts";

/** The last line of `npm run demo -- --json`, as far as it is promised. */
interface Demo {
  readonly ok: boolean;
  readonly acts: readonly {
    readonly name: string;
    readonly secretArn: string;
    readonly versionId: string;
    readonly verdict: string;
    readonly instances: readonly object[];
    readonly adoptionMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
    readonly queries: Readonly<Record<string, number>>;
    readonly failedQueries: Readonly<Record<string, number>>;
    readonly redeployed: readonly string[];
    readonly withheld: readonly string[];
    readonly steps: readonly { readonly atMs: number; readonly step: string; readonly who: string }[];
  }[];
  readonly claims: readonly { readonly claim: string; readonly holds: boolean }[];
}

const execute = promisify(execFile);
const gitStatus = async () => (await execute("git", ["status", "--porcelain"], { cwd: PROJECT_ROOT })).stdout;

describe.runIf(process.platform === "linux")("npm run demo", () => {
  let statusBefore: string;
  let script: NpmScript;
  let exit: Awaited<NpmScript["exited"]>;
  let demo: Demo;
  beforeAll(async () => {
    statusBefore = await gitStatus();
    script = await startNpmScript("demo", "--json");
    exit = await script.exited;
    demo = JSON.parse(script.stdout().trim().split("\n").at(-1) ?? "");
  });
  afterAll(() => script?.dispose());

  test("ends with 0, and every claim that it makes holds", () => {
    expect(demo.claims.filter(({ holds }) => !holds)).toEqual([]);
    expect(demo.ok).toBe(true);
    expect(exit).toEqual({ code: 0, signal: null });
  });

  test("plays three acts, in none of which a query of orders-api fails", () => {
    expect(demo.acts.map(({ name }) => name)).toEqual(["single-user", "bad-credential", "alternating-users"]);
    for (const { queries, failedQueries } of demo.acts) {
      expect(queries["orders-api"]).toBeGreaterThan(0);
      expect(failedQueries["orders-api"]).toBe(0);
    }
  });

  test("a good credential is adopted by every copy, and legacy-api alone is redeployed", () => {
    for (const act of [demo.acts[0], demo.acts[2]]) {
      expect(act).toMatchObject({ verdict: "accepted", redeployed: ["legacy-api"], withheld: [] });
      expect(act?.instances).toHaveLength(3);
      expect(act?.adoptionMs).toEqual({
        p50: expect.any(Number),
        p99: expect.any(Number),
        max: expect.any(Number),
      });
      expect(act?.steps.length).toBeGreaterThan(0);
    }
  });

  test("a bad credential is contained: nothing is redeployed", () => {
    expect(demo.acts[1]).toMatchObject({ verdict: "rejected", adoptionMs: null, redeployed: [] });
    expect(demo.acts[1]?.withheld.toSorted()).toEqual(["legacy-api", "orders-api"]);
  });

  test("writes no colours where there is no terminal", () => {
    expect(script.stdout()).not.toContain("\u001b");
    expect(script.stderr()).not.toContain("\u001b");
  });

  test("leaves no process, and nothing in the temporary folder", async () => {
    expect(script.processesLeft()).toEqual([]);
    expect(await script.filesLeft()).toEqual([]);
  });

  test("leaves the repository as it was", async () => {
    expect(await gitStatus()).toBe(statusBefore);
  });
});
