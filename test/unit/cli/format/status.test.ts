import { expect, test } from "vitest";
import { planAdoption } from "../../../../cli/src/commands/read-adoption.ts";
import { formatSecret, formatSecrets } from "../../../../cli/src/format/status.ts";
import { instance, minutesAgo, NOW, OLD, rotation, SERVICE_ARN, secretView, taskArn } from "../fixtures.ts";

const behind = instance({
  instanceId: taskArn("aaaaaaaaaaaaaaaa0000000000000002"),
  versionId: OLD,
  swappedAt: minutesAgo(60 * 26),
  heardAt: minutesAgo(50),
  trigger: "start",
  timings: { totalMs: 1_234 },
});

test("all secrets are a table, with what is not well in short", () => {
  const well = planAdoption(secretView(), undefined, new Set(), NOW);
  const vault = "vault:kv/app/prod/db";
  const current = rotation({ secretArn: vault, versionId: "17", currentSince: minutesAgo(60 * 49) });
  const other = { ...current, verdict: "unverifiable" as const };
  const notWell = planAdoption(
    secretView({
      secretArn: vault,
      current: other,
      rotations: [other],
      instances: [behind, { ...behind, instanceId: "host:7" }],
    }),
    undefined,
    new Set(),
    NOW,
  );
  expect(formatSecrets([well, notWell], NOW).join("\n")).toBe(`\
SECRET                VERSION   FOR  VERDICT       ADOPTED  NOT WELL
orders/db             22222222  3 m  accepted      1 of 1   –
vault:kv/app/prod/db  17        2 d  unverifiable  0 of 2   credential-unverified, instance-behind ×2`);
});

test("one secret is shown with its instances, its redeploys and what is not well", () => {
  const ended = instance({ instanceId: taskArn("aaaaaaaaaaaaaaaa0000000000000003"), versionId: OLD });
  const refused = instance({
    instanceId: "web-1:4711",
    service: "reports",
    versionId: OLD,
    rejectedVersionId: rotation().versionId,
    rejectedCode: "28P01",
    heardAt: minutesAgo(60 * 27),
    silentSince: minutesAgo(60),
  });
  const { versionId, currentSince, secretArn } = rotation();
  const view = secretView({
    instances: [instance(), behind, ended, refused],
    decisions: [
      {
        secretArn,
        versionId,
        currentSince,
        serviceArn: SERVICE_ARN,
        intent: "redeploy",
        claimedAt: minutesAgo(1),
        decision: "redeploy",
        decidedAt: minutesAgo(1),
        deploymentOutcome: "completed",
      },
    ],
  });
  const adoption = planAdoption(view, undefined, new Set([ended.instanceId]), NOW);
  expect(formatSecret(adoption, NOW).join("\n")).toBe(`\
secret         arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-OurebW
version        22222222-0000-4000-8000-000000000002
current since  2026-11-20T11:57:00.000Z, 3 m ago, told by label-updated
noticed        after 84 ms
verdict        accepted
checked        after 60.0 s: 1 on it, 0 not

SERVICE     INSTANCE      STATE    VERSION   FOR  BY      TOOK   HEARD
orders-api  000000000001  current  22222222  2 m  notice  41 ms  2 m
orders-api  000000000002  behind   11111111  1 d  start   1.2 s  50 m
orders-api  000000000003  ended    11111111  2 m  notice  41 ms  2 m
reports     web-1:4711    refused  11111111  2 m  notice  41 ms  1 d, silent

REDEPLOY    DECISION  OUTCOME
legacy-api  redeploy  completed

Not well:
  orders-api 000000000002 is on version 11111111
  reports web-1:4711 is on version 11111111
  reports web-1:4711 has not reported since 2026-11-19T09:00:00.000Z`);
});

test("tasks that never report, and deployments of which nobody knows, are told of", () => {
  const current = rotation({ unmanagedAtCheck: 2 });
  const { secretArn, versionId, currentSince } = current;
  const claim = { secretArn, versionId, currentSince, serviceArn: SERVICE_ARN, intent: "redeploy" };
  const view = secretView({
    current,
    rotations: [current],
    decisions: [{ ...claim, claimedAt: minutesAgo(90) }],
  });
  const lines = formatSecret(planAdoption(view, undefined, new Set(), NOW), NOW).join("\n");
  expect(lines).toContain("checked        after 60.0 s: 1 on it, 0 not, 2 tasks without a service not");
  expect(lines).toContain("legacy-api  redeploy, not finished");
  expect(lines).toContain("At the check 2 tasks without a service ran on another version than 22222222");
  expect(lines).not.toContain("All is well");
});

test("a ledger that knows nothing, and a secret that nobody reported on, say so", () => {
  expect(formatSecrets([], NOW)).toEqual([
    "No secret was rotated while Keyturn watched, and nobody reported on one. The command doctor says whether it would see one.",
  ]);
  const nobody = planAdoption(secretView({ instances: [] }), undefined, undefined, NOW);
  expect(formatSecrets([nobody], NOW)[1]).toContain("nobody reported");
  expect(formatSecret(nobody, NOW)).toContain("No instance has reported.");
});
