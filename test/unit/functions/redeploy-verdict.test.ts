import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import { labelUpdated, NOW, ROTATED_AT, V2 } from "../../fakes/pipeline.ts";
import { before, pipelineWith, service } from "./redeploy-fixtures.ts";

/** Of a check that the verdict begins. */
const acceptedSince = new Date(ROTATED_AT).toISOString();

async function withheldFor(verdict: Verdict) {
  const fake = pipelineWith(verdict);
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({ withheld: ["legacy-api"] });
  fake.versions.set(V2, { ...fake.versions.get(V2), verdict: "accepted" });
  fake.events.splice(0);
  return fake;
}

test.each<Verdict>(["unverifiable", "unreachable", "rejected"])(
  "a service that was withheld for a credential that was %s is redeployed once it is accepted",
  async (verdict) => {
    const fake = await withheldFor(verdict);
    const redeploy = createRedeploy(fake.ports);
    expect(await redeploy(labelUpdated(), "m2", { acceptedSince })).toMatchObject({
      redeployed: ["legacy-api"],
    });
    expect(fake.eventTypes()).toEqual(["AdoptionChecked", "ServiceRedeployed"]);
    expect([...fake.decisions.values()]).toMatchObject([
      {
        intent: "redeploy",
        decision: "redeploy",
        earlierDecision: `credential-${verdict}`,
        earlierDecidedAt: NOW.toISOString(),
      },
    ]);
    await Promise.all(["m2", "m3", "m4"].map((id) => redeploy(labelUpdated(), id, { acceptedSince })));
    expect(fake.redeployed).toEqual(["legacy-api"]);
  },
);

test("two messages that find the credential accepted redeploy a withheld service once", async () => {
  const fake = await withheldFor("unverifiable");
  const ports = { ...fake.ports, minIntervalMs: 0 };
  await Promise.all(
    ["m2", "m3", "m4"].map((id) => createRedeploy(ports)(labelUpdated(), id, { acceptedSince })),
  );
  expect(fake.redeployed).toEqual(["legacy-api"]);
});

test("a check that is replayed after a dry run redeploys", async () => {
  const fake = pipelineWith("accepted");
  await createRedeploy({ ...fake.ports, dryRun: true })(labelUpdated(), "m1");
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject({
    redeployed: ["legacy-api"],
  });
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "redeploy", earlierDecision: "dry-run" }]);
});

test("a verdict that is told and not recorded yet has the check repeated", async () => {
  const fake = pipelineWith("unverifiable");
  const redeploy = createRedeploy(fake.ports);
  await expect(redeploy(labelUpdated(), "m2", { acceptedSince })).rejects.toThrow(DependencyError);
  expect(fake.events).toEqual([]);
  // Before the deadline too: the deadline's own check may come before the record.
  const early = createRedeploy({ ...fake.ports, deadlineMs: 60_000 });
  await expect(early(labelUpdated(), "m2", { acceptedSince })).rejects.toThrow("not recorded yet");
});

test("before the deadline a verdict begins nothing: the deadline's own check finds it", async () => {
  const fake = pipelineWith("accepted");
  const early = createRedeploy({ ...fake.ports, deadlineMs: 60_000 });
  expect(await early(labelUpdated(), "m2", { acceptedSince })).toMatchObject({ outcome: "not-due" });
});

test("a verdict on an earlier time at which the version was current says nothing of now", async () => {
  const fake = pipelineWith(undefined);
  const earlier = { acceptedSince: "2026-11-19T10:00:00.000Z" };
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m2", earlier)).toMatchObject({
    outcome: "superseded",
  });
});

test("a service that was withheld and has followed since is left alone", async () => {
  const fake = await withheldFor("unreachable");
  fake.services[1] = service("legacy-api", { l2: NOW });
  await createRedeploy(fake.ports)(labelUpdated(), "m2", { acceptedSince });
  expect(fake.redeployed).toEqual([]);
});

test("a service that cannot be redeployed for another reason is told of with that, once the credential is accepted", async () => {
  const fake = await withheldFor("unreachable");
  fake.services[1] = service("legacy-api", { l1: before }, { canForce: false });
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m2", { acceptedSince });
  await redeploy(labelUpdated(), "m3", { acceptedSince });
  expect(fake.events.filter(({ type }) => type === "RedeployWithheld")).toMatchObject([
    { detail: { reason: "deployment-controller" } },
  ]);
  expect([...fake.decisions.values()]).toMatchObject([{ earlierDecision: "credential-unreachable" }]);
});
