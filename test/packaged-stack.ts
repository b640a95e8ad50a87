import { dirname } from "node:path";
import type { TestProject } from "vitest/node";
import { packageStack } from "../local/package-stack.ts";

/** What `sls package` wrote, in a form that reaches the test processes. */
export interface PackagedForTests {
  readonly stage: string;
  readonly template: unknown;
  /** Folder of the functions' zips. */
  readonly zipFolder: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    readonly packagedStack: PackagedForTests;
  }
}

const STAGE = "test";

/** Packages serverless.yml once for all tests that run it: every packaging takes seconds. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const packaged = await packageStack(STAGE, "us-east-1", {
    storeTls: "disable",
    propagationAllowanceMs: "200",
    adoptionDeadlineSeconds: "1",
    redeployPauseSeconds: "1",
    redeployMinIntervalSeconds: "2",
  });
  const zipFolder = dirname(packaged.zipPath("any.zip"));
  project.provide("packagedStack", { stage: STAGE, template: packaged.template, zipFolder });
  return packaged.remove;
}
