import { defineConfig } from "vitest/config";

const project = (name: string, testTimeout: number) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    environment: "node",
    restoreMocks: true,
    projects: [
      project("unit", 10_000),
      project("contract", 10_000),
      project("integration", 60_000),
      project("system", 240_000),
    ],
  },
});
