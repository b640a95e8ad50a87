import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { labelUpdated } from "../../fakes/pipeline.ts";
import { pipelineWith } from "./redeploy-fixtures.ts";

test("a configured cluster that is not there fails the check, when the services of the others are seen to", async () => {
  const fake = pipelineWith("accepted");
  const findUsing = async () => ({
    services: fake.services,
    standaloneTasks: [],
    missingClusters: ["typing-error"],
  });
  const redeploy = createRedeploy({ ...fake.ports, ecs: { ...fake.ports.ecs, findUsing } });
  const error = await redeploy(labelUpdated(), "m1").catch((thrown: unknown) => thrown);
  expect(String((error as Error).cause)).toContain("typing-error");
  expect(fake.eventTypes()).toContain("ServiceRedeployed");
});
