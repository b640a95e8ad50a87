import type { RotationView } from "../../../shared/aws/ledger.ts";
import { type Adoption, countAdopted, type InstanceStatus } from "../commands/read-adoption.ts";
import { secretName, serviceName, shortInstance, shortVersion } from "./names.ts";
import { plural } from "./plural.ts";
import { formatReason, summarizeReasons } from "./reasons.ts";
import { formatTable } from "./table.ts";
import { formatAge, formatDuration } from "./time.ts";

/** All secrets, one line each. */
export function formatSecrets(adoptions: readonly Adoption[], now: Date): string[] {
  if (adoptions.length === 0)
    return [
      "No secret was rotated while Keyturn watched, and nobody reported on one. The command doctor says whether it would see one.",
    ];
  return formatTable(
    ["SECRET", "VERSION", "FOR", "VERDICT", "ADOPTED", "NOT WELL"],
    adoptions.map((adoption) => {
      const { view, versionId, reasons, goneSince } = adoption;
      const { adopted, living } = countAdopted(adoption);
      return [
        secretName(view.secretArn),
        shortVersion(versionId),
        formatAge(view.current?.currentSince, now),
        view.current?.verdict ?? "–",
        living === 0 ? "nobody reported" : `${adopted} of ${living}`,
        goneSince ? `deleted, ${formatAge(goneSince, now)} ago` : summarizeReasons(reasons) || "–",
      ];
    }),
  );
}

/** One secret with everybody who runs on it. */
export function formatSecret(adoption: Adoption, now: Date): string[] {
  const { view, versionId, reasons } = adoption;
  const { current, decisions } = view;
  const facts: [string, string][] = [
    ["secret", view.secretArn],
    ["version", versionId ?? "–"],
  ];
  if (current) {
    const { currentSince, detectedBy, noticedAt, verdict, reason } = current;
    facts.push([
      "current since",
      `${currentSince}, ${formatAge(currentSince, now)} ago, told by ${detectedBy}`,
    ]);
    facts.push(["noticed", noticedAt ? `after ${formatDuration(between(currentSince, noticedAt))}` : "–"]);
    facts.push(["verdict", `${verdict ?? "none yet"}${reason ? `: ${reason}` : ""}`]);
    facts.push(["checked", describeCheck(current)]);
  }
  const redeploys = decisions.filter(({ currentSince }) => currentSince === current?.currentSince);
  return [
    ...facts.map(([name, value]) => `${name.padEnd(13)}  ${value}`),
    "",
    ...formatInstances(adoption.instances, now),
    ...(redeploys.length > 0
      ? [
          "",
          ...formatTable(
            ["REDEPLOY", "DECISION", "OUTCOME"],
            redeploys.map(({ serviceArn, intent, decision, deploymentOutcome }) => [
              serviceName(serviceArn),
              decision ?? `${intent}, not finished`,
              deploymentOutcome ?? "–",
            ]),
          ),
        ]
      : []),
    "",
    ...(reasons.length > 0
      ? ["Not well:", ...reasons.map((reason) => `  ${formatReason(reason)}`)]
      : ["All is well: it may be rotated again."]),
  ];
}

/** What the check at the adoption deadline found; tasks that do not report are known by it alone. */
function describeCheck({ currentSince, checkedAt, ...found }: RotationView): string {
  if (checkedAt === undefined) return "not yet";
  const { adoptedAtCheck = 0, staleAtCheck = 0, deferredAtCheck = 0, unmanagedAtCheck = 0 } = found;
  const unmanaged = unmanagedAtCheck > 0 ? `, ${plural(unmanagedAtCheck, "task")} without a service not` : "";
  const waiting = deferredAtCheck > 0 ? `, ${plural(deferredAtCheck, "service")} waiting for a redeploy` : "";
  return `after ${formatDuration(between(currentSince, checkedAt))}: ${adoptedAtCheck} on it, ${staleAtCheck} not${unmanaged}${waiting}`;
}

function formatInstances(instances: readonly InstanceStatus[], now: Date): string[] {
  if (instances.length === 0) return ["No instance has reported."];
  return formatTable(
    ["SERVICE", "INSTANCE", "STATE", "VERSION", "FOR", "BY", "TOOK", "HEARD"],
    instances.map(({ service, instanceId, state, versionId, swappedAt, trigger, timings, ...heard }) => [
      service,
      shortInstance(instanceId),
      state,
      shortVersion(versionId),
      formatAge(swappedAt, now),
      trigger ?? "–",
      formatDuration(timings?.totalMs),
      `${formatAge(heard.heardAt, now)}${heard.silentSince ? ", silent" : ""}`,
    ]),
  );
}

const between = (from: string, to: string) => Date.parse(to) - Date.parse(from);
