import { defineConfig, type TestProjectConfiguration } from "vitest/config";

const project = (name: string, testTimeout: number, settings: object = {}): TestProjectConfiguration => ({
  extends: true,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    ...settings,
  },
});

export default defineConfig({
  test: {
    environment: "node",
    restoreMocks: true,
    // Projects of one group run beside each other, groups one after another: what measures times gets the machine for itself.
    projects: [
      project("unit", 10_000),
      project("contract", 10_000),
      project("integration", 60_000, { globalSetup: "test/packaged-stack.ts", sequence: { groupOrder: 1 } }),
      project("system", 240_000, { sequence: { groupOrder: 2 } }),
    ],
  },
});
