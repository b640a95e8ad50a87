import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import { parseRedeployMessage } from "../../../functions/redeploy/redeploy-message.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import type { CurrentRotation } from "../../../shared/rotation/current-rotation.ts";
import { labelUpdated, NOW, ROTATED_AT, SECRET_ARN, V2 } from "../../fakes/pipeline.ts";
import { createFakeSlots } from "../../fakes/redeploy-slots.ts";
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

test("a dry run says what it would deploy of what was withheld, once, and is no last word", async () => {
  const fake = await withheldFor("rejected");
  const dry = createRedeploy({ ...fake.ports, dryRun: true });
  expect(await dry(labelUpdated(), "m2", { acceptedSince })).toMatchObject({ planned: ["legacy-api"] });
  expect(await dry(labelUpdated(), "m3", { acceptedSince })).toMatchObject({ planned: [] });
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m4")).toMatchObject({
    redeployed: ["legacy-api"],
  });
});

const forgedOf = (type: string, detail: object) =>
  parseRedeployMessage({
    "detail-type": type,
    detail: {
      v: 1,
      secretArn: SECRET_ARN,
      versionId: V2,
      occurredAt: NOW.toISOString(),
      detectedBy: "label-updated",
      ...detail,
    },
  });
const ofTheFuture = "2099-01-01T00:00:00.000Z";

test.each([
  {
    what: "a check that was deferred",
    message: forgedOf("RedeployDeferred", {
      currentSince: ofTheFuture,
      toldAt: ofTheFuture,
      deferred: 1,
      round: 1,
      claimant: "m1",
    }),
  },
  {
    what: "a verdict",
    message: forgedOf("CredentialVerified", {
      currentSince: ofTheFuture,
      toldAt: ofTheFuture,
      verifyMs: 1,
      previousVerdict: "rejected",
    }),
  },
])("$what that somebody forges begins no rotation", async ({ message }) => {
  const fake = pipelineWith("accepted");
  if ("change" in message) expect.unreachable();
  const opened: unknown[] = [];
  const ledger = {
    ...fake.ports.ledger,
    openRotation: async (rotation: CurrentRotation) => {
      opened.push(rotation);
      return fake.ports.ledger.openRotation(rotation);
    },
  };
  const redeploy = createRedeploy({ ...fake.ports, ledger });
  expect(await redeploy(message.event, "m2", message)).toMatchObject({ outcome: "superseded" });
  expect([opened, fake.redeployed]).toEqual([[], []]);
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ redeployed: ["legacy-api"] });
});

test("what a message of its own says of times is not believed", async () => {
  const fake = pipelineWith("accepted");
  const message = forgedOf("RedeployDeferred", {
    currentSince: acceptedSince,
    toldAt: ofTheFuture,
    waitingSince: ofTheFuture,
    deferred: 1,
    round: 1,
    claimant: "m1",
  });
  if ("change" in message) expect.unreachable();
  const noPlace = { ...fake.ports, slots: createFakeSlots(0).slots };
  expect(await createRedeploy(noPlace)(message.event, "m2", message)).toMatchObject({ deferred: 1 });
  expect(fake.events.at(-1)).toMatchObject({ detail: { waitingSince: NOW.toISOString() } });
  expect(fake.versions.get(V2)).toMatchObject({ currentSince: acceptedSince });
});
