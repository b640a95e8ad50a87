import { expect, test } from "vitest";
import { createRedeploy } from "../../../functions/redeploy/redeploy.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import type { SecretFacts, Secrets } from "../../../shared/aws/secrets.ts";
import { labelUpdated, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { after, again, before, pipelineWith, service } from "./redeploy-fixtures.ts";

const OTHER = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cache/db-GhIjKl";
const long = new Date(before.getTime() - 3_600_000);

/** legacy-api is behind, and uses another secret, too. */
function withOther(verdict: Verdict | undefined, movedAt: Date, id = OTHER, serviceArn = "legacy-api") {
  const fake = pipelineWith("accepted");
  fake.services[1] = service(serviceArn, { l1: before }, { secretIds: ["a-name", id] });
  const set = (other: Verdict | undefined) =>
    fake.others.set(OTHER, {
      secretArn: OTHER,
      versionId: V1,
      currentSince: movedAt.toISOString(),
      detectedBy: "label-updated",
      ...(other && { verdict: other }),
    });
  set(verdict);
  return { ...fake, set };
}

test.each([
  { what: "it moved before the tasks were deployed", movedAt: long },
  { what: "it moved since", movedAt: after },
])(
  "healthy tasks are not replaced by ones with another secret's refused credential: $what",
  async ({ movedAt }) => {
    const fake = withOther("rejected", movedAt);
    const redeploy = createRedeploy(fake.ports);
    expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ withheld: ["legacy-api"] });
    expect(fake.redeployed).toEqual([]);
    expect(fake.events.at(-1)).toMatchObject({
      type: "RedeployWithheld",
      detail: { reason: "other-credential-rejected", otherSecretArn: OTHER },
    });
    // Once that one is good, a check redeploys.
    fake.set("accepted");
    expect(await redeploy(labelUpdated(), "m2")).toMatchObject({ redeployed: ["legacy-api"] });
  },
);

test.each<{ verdict: Verdict | undefined; movedAt: Date; became: object }>([
  { verdict: "accepted", movedAt: after, became: { redeployed: ["legacy-api"] } },
  { verdict: undefined, movedAt: after, became: { redeployed: [], deferred: 1 } },
  // What runs has it already.
  { verdict: undefined, movedAt: long, became: { redeployed: ["legacy-api"] } },
  // Nobody will ever know more of some; a task that is replaced starts with it as well.
  { verdict: "unverifiable", movedAt: after, became: { redeployed: ["legacy-api"] } },
  { verdict: "unreachable", movedAt: after, became: { redeployed: ["legacy-api"] } },
])(
  "with another secret whose verdict is $verdict since $movedAt: $became",
  async ({ verdict, movedAt, became }) => {
    const fake = withOther(verdict, movedAt);
    expect(await createRedeploy(fake.ports)(labelUpdated(), "m1")).toMatchObject(became);
  },
);

test.each<Verdict | undefined>(["accepted", "rejected", "unverifiable", undefined])(
  "whatever the ledger says of another secret (%s), a newer version whose sign was lost is waited for",
  async (verdict) => {
    const fake = withOther(verdict, long);
    const { secrets } = fake.ports;
    const describe: Secrets["describe"] = async (id, isSettled) =>
      id === OTHER ? { secretArn: OTHER, currentVersionId: V2 } : secrets.describe(id, isSettled);
    const redeploy = createRedeploy({ ...fake.ports, secrets: { ...secrets, describe } });
    expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ redeployed: [], deferred: 1 });
    expect(await createRedeploy(fake.ports)(labelUpdated(), "later", again("m1", 1))).toMatchObject(
      verdict === "rejected" ? { withheld: ["legacy-api"] } : { redeployed: ["legacy-api"] },
    );
  },
);

test("Secrets Manager is asked once in a round for another secret, however many services use it", async () => {
  const fake = withOther("accepted", after);
  for (const name of ["a", "b", "c"])
    fake.services.push(service(name, { [`${name}1`]: before }, { secretIds: [OTHER] }));
  const asked: string[] = [];
  const { secrets } = fake.ports;
  const describe: Secrets["describe"] = async (id, isSettled) => {
    asked.push(id);
    return secrets.describe(id, isSettled);
  };
  const redeploy = createRedeploy({ ...fake.ports, secrets: { ...secrets, describe } });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject({ redeployed: ["legacy-api", "a", "b", "c"] });
  expect(asked.filter((id) => id === OTHER)).toHaveLength(1);
});

test.each<{ what: string; facts: SecretFacts | undefined; became: object }>([
  {
    what: "is not followed any more",
    facts: { secretArn: OTHER, currentVersionId: V1, isWatched: false },
    became: { redeployed: ["legacy-api"] },
  },
  { what: "is gone", facts: undefined, became: { redeployed: ["legacy-api"] } },
  {
    what: "has a newer version, which has no verdict yet",
    facts: { secretArn: OTHER, currentVersionId: V2 },
    became: { redeployed: [], deferred: 1 },
  },
])("a verdict on another secret that $what is of the past", async ({ facts, became }) => {
  const fake = withOther("rejected", long);
  const { secrets } = fake.ports;
  const describe: Secrets["describe"] = async (id, isSettled) =>
    id === OTHER ? facts : secrets.describe(id, isSettled);
  const redeploy = createRedeploy({ ...fake.ports, secrets: { ...secrets, describe } });
  expect(await redeploy(labelUpdated(), "m1")).toMatchObject(became);
});

test("a dry run withholds for another secret, too", async () => {
  const fake = withOther("rejected", after);
  const dry = createRedeploy({ ...fake.ports, dryRun: true });
  expect(await dry(labelUpdated(), "m1")).toMatchObject({ planned: [], withheld: ["legacy-api"] });
});

test("who waits for another secret's verdict goes on once it is there", async () => {
  const fake = withOther(undefined, after);
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  expect(fake.heldBy()).toEqual([]);
  fake.set("accepted");
  expect(await redeploy(labelUpdated(), "later", again("m1", 1))).toMatchObject({
    redeployed: ["legacy-api"],
  });
});

test("a name is of the service's own account and Region, and a secret's or a parameter's", async () => {
  const serviceArn = "arn:aws:ecs:us-east-1:000000000000:service/main/legacy-api";
  const asked: string[] = [];
  const fake = withOther("accepted", after, "/cache/db", serviceArn);
  const [, { secretIds = [] } = {}] = fake.services;
  // The secret itself, as task definitions may have it, is no other.
  fake.services[1] = service(
    serviceArn,
    { l1: before },
    { secretIds: [...secretIds, "orders/db", SECRET_ARN] },
  );
  const ledger = {
    ...fake.ports.ledger,
    findNewest: async (id: string) => {
      asked.push(id);
      return [];
    },
  };
  await createRedeploy({ ...fake.ports, ledger })(labelUpdated(), "m1");
  expect(asked.slice(0, asked.length / 2)).toEqual([
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-name",
    "arn:aws:ssm:us-east-1:000000000000:parameter/a-name",
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:/cache/db",
    "arn:aws:ssm:us-east-1:000000000000:parameter/cache/db",
    "arn:aws:ssm:us-east-1:000000000000:parameter/orders/db",
  ]);
});

test("what is withheld once its own credential is good has the reason that there is now", async () => {
  const fake = withOther("rejected", after);
  fake.versions.set(V2, { ...fake.versions.get(V2), verdict: "unreachable" });
  const redeploy = createRedeploy(fake.ports);
  await redeploy(labelUpdated(), "m1");
  fake.versions.set(V2, { ...fake.versions.get(V2), verdict: "accepted" });
  const { currentSince: acceptedSince = "" } = fake.versions.get(V2) ?? {};
  for (const id of ["m2", "m3", "m4"]) await redeploy(labelUpdated(), id, { acceptedSince });
  const reasons = fake.events.flatMap(({ type, detail }) =>
    type === "RedeployWithheld" ? [detail.reason] : [],
  );
  expect(reasons).toEqual(["credential-unreachable", "other-credential-rejected"]);
  expect([...fake.decisions.values()]).toMatchObject([
    { decision: "other-credential-rejected", earlierDecision: "credential-unreachable" },
  ]);
});

test("what a dry run would have deployed is withheld for another secret once the dry run is over", async () => {
  const fake = withOther("accepted", after);
  await createRedeploy({ ...fake.ports, dryRun: true })(labelUpdated(), "m1");
  fake.set("rejected");
  expect(await createRedeploy(fake.ports)(labelUpdated(), "m2")).toMatchObject({ withheld: ["legacy-api"] });
  expect([...fake.decisions.values()]).toMatchObject([{ decision: "other-credential-rejected" }]);
});
