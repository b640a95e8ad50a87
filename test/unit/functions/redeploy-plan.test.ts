import { expect, test } from "vitest";
import { planRedeploy, type RedeployFacts } from "../../../functions/redeploy/plan-redeploy.ts";
import type { ServiceUsingSecret } from "../../../shared/aws/ecs-services.ts";
import type { Verdict } from "../../../shared/aws/ledger.ts";
import { V1, V2 } from "../../fakes/pipeline.ts";
import { after, before, currentSince, inProgress, onVersion, service } from "./redeploy-fixtures.ts";

const facts = (changes: Partial<RedeployFacts>): RedeployFacts => ({
  versionId: V2,
  currentSince,
  verdict: "accepted",
  services: [],
  standaloneTasks: [],
  instances: [],
  outsideEcs: [],
  heardSince: before,
  mayRedeployUnverified: false,
  ...changes,
});

test.each<{
  name: string;
  verdict: Verdict | undefined;
  service: ServiceUsingSecret;
  reported?: string;
  mayRedeployUnverified?: boolean;
  decision: string | undefined;
}>([
  {
    name: "a task that never reported",
    verdict: "accepted",
    service: service("s", { t: before }),
    decision: "redeploy",
  },
  {
    name: "a task that reported the version",
    verdict: "accepted",
    service: service("s", { t: before }),
    reported: V2,
    decision: undefined,
  },
  {
    name: "a task that reported the version before",
    verdict: "accepted",
    service: service("s", { t: before }),
    reported: V1,
    decision: "redeploy",
  },
  {
    name: "a task that was created after the rotation",
    verdict: "accepted",
    service: service("s", { t: after }),
    decision: undefined,
  },
  {
    name: "a rejected credential",
    verdict: "rejected",
    service: service("s", { t: before }),
    decision: "credential-rejected",
  },
  {
    name: "a rejected credential, where the unverified may go",
    verdict: "rejected",
    service: service("s", { t: before }),
    mayRedeployUnverified: true,
    decision: "credential-rejected",
  },
  {
    name: "a credential that could not be tried",
    verdict: "unverifiable",
    service: service("s", { t: before }),
    decision: "credential-unverifiable",
  },
  {
    name: "a credential that could not be tried, where it may go",
    verdict: "unverifiable",
    service: service("s", { t: before }),
    mayRedeployUnverified: true,
    decision: "redeploy",
  },
  {
    name: "a store that never answered",
    verdict: "unreachable",
    service: service("s", { t: before }),
    decision: "credential-unreachable",
  },
  {
    name: "a store that never answered, where it may go",
    verdict: "unreachable",
    service: service("s", { t: before }),
    mayRedeployUnverified: true,
    decision: "redeploy",
  },
  { name: "no verdict yet", verdict: undefined, service: service("s", { t: before }), decision: "wait" },
  {
    name: "a deployment that began after the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, inProgress(after)),
    decision: "deployment-in-progress",
  },
  {
    name: "a deployment that began after the rotation, and whose old task is listed still",
    verdict: "accepted",
    service: service("s", { t: before }, { primaryDeployment: { createdAt: after, inProgress: false } }),
    decision: "deployment-in-progress",
  },
  {
    name: "a deployment that began after the rotation, and failed",
    verdict: "accepted",
    service: service(
      "s",
      { t: before },
      { primaryDeployment: { createdAt: after, inProgress: false, hasFailed: true } },
    ),
    decision: "deployment-failed",
  },
  {
    name: "a deployment that began before the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, inProgress(before)),
    decision: "redeploy",
  },
  {
    name: "a pinned secret without a verdict",
    verdict: undefined,
    service: service("s", { t: before }, { use: "pinned" }),
    decision: "secret-pinned",
  },
  {
    name: "a pinned secret, and a deployment that began after the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, { use: "pinned", ...inProgress(after) }),
    decision: "secret-pinned",
  },
  {
    name: "a pinned secret, and a task that is newer than the rotation",
    verdict: "accepted",
    service: service("s", { t: after }, { use: "pinned" }),
    decision: "secret-pinned",
  },
  {
    name: "a pinned secret, and a task that reported the version itself",
    verdict: "accepted",
    service: service("s", { t: before }, { use: "pinned" }),
    reported: V2,
    decision: undefined,
  },
  {
    name: "a secret that is pinned in part, and a task that is older than the rotation",
    verdict: "accepted",
    service: service("s", { t: before }, { use: "partly-pinned" }),
    decision: "redeploy",
  },
  {
    name: "a secret that is pinned in part, and a task that is newer",
    verdict: "accepted",
    service: service("s", { t: after }, { use: "partly-pinned" }),
    decision: undefined,
  },
])("decides on $name: $decision", ({ verdict, service, reported, decision, ...setting }) => {
  const instances = reported ? [onVersion("t", reported)] : [];
  const plan = planRedeploy(facts({ verdict, services: [service], instances, ...setting }));
  expect(plan.staleServices.map((stale) => stale.decision)).toEqual(decision ? [decision] : []);
  expect(plan.adopted + plan.stale).toBe(1);
});

test("standalone tasks are behind until they report the version, or where they started with it", () => {
  const standaloneTasks = [
    { taskArn: "behind", createdAt: before },
    { taskArn: "on-it", createdAt: before },
    { taskArn: "new", createdAt: after },
  ];
  const instances = [onVersion("behind", V1), onVersion("on-it", V2), onVersion("new", V1)];
  const plan = planRedeploy(facts({ standaloneTasks, instances }));
  expect(plan.unmanaged).toEqual(["behind"]);
  expect(plan.unreported).toBe(0);
});

test("a standalone task that pins the version is behind however new it is", () => {
  const standaloneTasks = [
    { taskArn: "pinned", createdAt: after, use: "pinned" as const },
    { taskArn: "new", createdAt: after, use: "current" as const },
  ];
  const plan = planRedeploy(facts({ standaloneTasks }));
  expect(plan.unmanaged).toEqual(["pinned"]);
  expect(plan.unreported).toBe(1);
});

test("an instance outside ECS is behind as long as it is heard of", () => {
  const heard = (at: Date) => ({ heardAt: at.toISOString() });
  const swapped = (at: Date) => ({ swappedAt: at.toISOString() });
  const longAgo = new Date(before.getTime() - 1);
  const outsideEcs = [
    { ...onVersion("repeats", V1), ...swapped(longAgo), ...heard(after) },
    { ...onVersion("swapped-lately", V1), ...swapped(before) },
    { ...onVersion("gone", V1), ...swapped(longAgo), ...heard(longAgo) },
    { ...onVersion("on-it", V2), ...heard(after) },
  ];
  const plan = planRedeploy(facts({ outsideEcs, instances: outsideEcs }));
  expect(plan.unmanaged).toEqual(["repeats", "swapped-lately"]);
});
