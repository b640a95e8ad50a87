import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseEmbeddedMetrics } from "../../../../local/aws/metrics/emf.ts";
import { createSecretMetrics } from "../../../../shared/lambda/secret-metrics.ts";
import { SECRET_ARN } from "../../../fakes/pipeline.ts";

const lines: string[] = [];
beforeEach(() => {
  // Powertools writes past `console` otherwise; and nothing at all, were the second not given.
  vi.stubEnv("POWERTOOLS_DEV", "true");
  vi.stubEnv("POWERTOOLS_METRICS_DISABLED", "false");
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
});

afterEach(() => void vi.unstubAllEnvs());

const measured = () =>
  lines
    .flatMap((line) => parseEmbeddedMetrics(line) ?? [])
    .map(({ metric, datum }) => ({ ...metric, sum: datum.sum }));

test("each metric is there for the stage, and for the secret by the name that its owner knows", () => {
  createSecretMetrics("prod")(SECRET_ARN, [{ name: "AdoptionLatency", value: 80 }], {});
  const metric = { namespace: "Keyturn", name: "AdoptionLatency", sum: 80 };
  expect(measured()).toEqual([
    { ...metric, dimensions: { service: "keyturn", stage: "prod" } },
    { ...metric, dimensions: { service: "keyturn", stage: "prod", secret: "orders/db" } },
  ]);
});

test("instance and version are in the line, and are no dimensions", () => {
  const publish = createSecretMetrics("prod");
  publish(SECRET_ARN, [{ name: "InstanceSwapped", value: 1 }], { versionId: "v2", instanceId: "task-1" });
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ versionId: "v2", instanceId: "task-1" });
  const dimensions = new Set(measured().flatMap((metric) => Object.keys(metric.dimensions)));
  expect(dimensions).toEqual(new Set(["service", "stage", "secret"]));
});

test("nothing of one secret is in the line of the next", () => {
  const publish = createSecretMetrics("prod");
  publish(SECRET_ARN, [{ name: "InstanceSwapped", value: 1 }], { instanceId: "task-1" });
  publish("vault:kv/app/db", [{ name: "StaleInstances", value: 2 }], {});
  expect(lines).toHaveLength(2);
  expect(lines[1]).not.toMatch(/task-1|orders|InstanceSwapped/);
  expect(measured().at(-1)?.dimensions).toMatchObject({ secret: "vault:kv/app/db" });
});
