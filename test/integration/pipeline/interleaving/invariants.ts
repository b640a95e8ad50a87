import type { RunningTask } from "../../../../shared/aws/ecs-services.ts";
import type { InstanceRecord, RotationKey, RotationView, SecretView } from "../../../../shared/aws/ledger.ts";
import { PLACES } from "./simulated-ports.ts";
import { DEADLINE_MS, type SimulatedWorld } from "./simulated-world.ts";

/** What must hold when all messages are handled. @returns what does not, in a sentence each */
type Invariant = (world: SimulatedWorld, secret: SecretView) => string[];

const CLOCKS_DIFFER_MS = 1_000;
const short = (versionId: string) => versionId.slice(-2);
const nameOf = (arn: string) => arn.split("/").at(-1) ?? arn;

/** Everything that the handlers promise, whatever comes twice, late, out of order, or crashes on the way. */
export const invariants: Readonly<Record<string, Invariant>> = {
  "no service is redeployed for a rejected or untried credential": ({ forced }) =>
    forced
      .filter(({ truth }) => truth !== "accepted")
      .map(({ versionId, serviceArn }) => `${nameOf(serviceArn)} was redeployed for ${short(versionId)}`),

  "no service is redeployed before the deadline": ({ forced }) =>
    forced
      .filter(
        ({ at, currentSince }) => at.getTime() < Date.parse(currentSince) + DEADLINE_MS - CLOCKS_DIFFER_MS,
      )
      .map(
        ({ at, versionId, serviceArn }) =>
          `${nameOf(serviceArn)} for ${short(versionId)} at ${at.toISOString()}`,
      ),

  "a service is redeployed at most once for a rotation": ({ forced }) =>
    repeated(
      forced.map(({ currentSince, versionId, serviceArn }) => `${serviceArn} ${versionId} ${currentSince}`),
    ),

  "no more services are in deployment at a time than there are places": ({ forced }) =>
    forced
      .filter(({ besides }) => besides >= PLACES)
      .map(
        ({ serviceArn, at, besides }) => `${nameOf(serviceArn)} at ${at.toISOString()}, beside ${besides}`,
      ),

  // Of the newest rotation its end is told, too, once that has come. A newer one leaves the claim of a crash as it is.
  "every redeploy of a rotation that stays current is finished in the ledger, and told of": (
    { ecs, forced, events },
    { current, decisions },
  ) =>
    forced
      .filter(({ currentSince, versionId }) => isOf(current, { currentSince, versionId }))
      .flatMap(({ serviceArn, currentSince }) => {
        const decision = decisions.find(
          (one) => one.serviceArn === serviceArn && one.currentSince === currentSince,
        );
        const isTold = (...types: string[]) =>
          events.some(
            ({ type, detail }) =>
              types.includes(type) &&
              "serviceArn" in detail &&
              detail.serviceArn === serviceArn &&
              detail.currentSince === currentSince,
          );
        const name = nameOf(serviceArn);
        const running = ecs.services.find((service) => service.serviceArn === serviceArn)?.deployment;
        const hasEnded = running?.id === decision?.deploymentId && running?.ended !== undefined;
        return [
          ...(decision?.decision === "redeploy"
            ? []
            : [`${name} was redeployed, and it says ${decision?.decision}`]),
          ...(isTold("ServiceRedeployed") ? [] : [`${name} was redeployed, and nobody told`]),
          ...(!hasEnded || isTold("RedeployCompleted", "RedeployFailed")
            ? []
            : [`how ${name} ended was not told`]),
        ];
      }),

  "no decision of the newest rotation is left unfinished": (_, { current, decisions }) =>
    decisions
      .filter((decision) => isOf(current, decision) && decision.decision === undefined)
      .map(({ serviceArn, intent }) => `${nameOf(serviceArn)} was about to be: ${intent}`),

  "a service withheld for an open verdict is redeployed once the verdict is accepted and it is still stale": (
    { ecs },
    { current, decisions, instances },
  ) =>
    decisions
      .filter(
        (decision) =>
          isOf(current, decision) &&
          current?.verdict === "accepted" &&
          decision.decision?.startsWith("credential-") &&
          ecs.services.some(
            (service) =>
              service.serviceArn === decision.serviceArn &&
              service.tasks.some((task) => isBehind(service, task, current, instances)),
          ),
      )
      .map(({ serviceArn, decision }) => `${nameOf(serviceArn)} is withheld still: ${decision}`),

  "a service that pins the version is told of as that, whatever is deployed": ({ ecs }, { decisions }) => {
    const pinned = new Set(
      ecs.services.filter(({ use }) => use === "pinned").map(({ serviceArn }) => serviceArn),
    );
    return decisions
      .filter(({ serviceArn, decision }) => pinned.has(serviceArn) && decision !== undefined)
      .filter(({ decision }) => decision !== "secret-pinned")
      .map(({ decision }) => `it is withheld for ${decision}`);
  },

  "AWSCURRENT is moved back at most once from a version, and that is told of, and nothing else": ({
    restored,
    events,
  }) => {
    const nameOfMove = (move: { versionId: string; restoredVersionId: string }) =>
      `from ${short(move.versionId)} to ${short(move.restoredVersionId)}`;
    const moves = restored.map(nameOfMove);
    const told = events.flatMap((event) =>
      event.type === "CredentialRestored" ? [nameOfMove(event.detail)] : [],
    );
    return [
      ...repeated(restored.map(({ versionId }) => short(versionId))),
      ...moves.filter((move) => !told.includes(move)).map((move) => `${move}, and nobody told`),
      ...told.filter((move) => !moves.includes(move)).map((move) => `${move} is told, and was not done`),
    ];
  },

  "every redeploy stands in the ledger": ({ forced }, { decisions }) =>
    forced
      .filter(
        ({ serviceArn, currentSince }) =>
          !decisions.some(
            (decision) =>
              decision.serviceArn === serviceArn &&
              decision.currentSince === currentSince &&
              decision.intent === "redeploy",
          ),
      )
      .map(({ serviceArn, versionId }) => `${nameOf(serviceArn)} was redeployed for ${short(versionId)}`),

  "every service that is behind is redeployed, or withheld with a reason": (
    { ecs, secret },
    { current, decisions, instances },
  ) => {
    if (secret.moves.length < 2 || !current) return [];
    const isDecided = (arn: string) =>
      decisions.some(
        ({ serviceArn, currentSince, decision }) =>
          serviceArn === arn && currentSince === current.currentSince && decision !== undefined,
      );
    return ecs.services
      .filter(
        (service) =>
          service.tasks.some((task) => isBehind(service, task, current, instances)) &&
          !isDecided(service.serviceArn),
      )
      .map(({ serviceArn }) => `${nameOf(serviceArn)} is behind, and nothing was decided`);
  },

  "every decision is told of": ({ events }, { decisions }) =>
    decisions
      .filter(
        ({ serviceArn, currentSince, decision }) =>
          decision !== undefined &&
          decision !== "no-longer-behind" &&
          !events.some(
            ({ type, detail }) =>
              type === (decision === "redeploy" ? "ServiceRedeployed" : "RedeployWithheld") &&
              detail.serviceArn === serviceArn &&
              detail.currentSince === currentSince,
          ),
      )
      .map(({ serviceArn, decision }) => `${nameOf(serviceArn)}: ${decision}, and no event`),

  "a rotation that stays current is noticed, verified and the newest in the ledger": (
    { secret, notices },
    { current },
  ) => {
    if (secret.moves.length < 2) return [];
    const { versionId, at } = secret.current;
    if (current?.versionId !== versionId) return [`the newest is ${current?.versionId}, not ${versionId}`];
    const isNoticed = notices.some(
      (notice) => notice.versionId === versionId && notice.currentSince === current.currentSince,
    );
    return [
      ...(isSameMove(current.currentSince, at)
        ? []
        : [`${short(versionId)} is current since ${at.toISOString()}, not ${current.currentSince}`]),
      ...(isNoticed && current.noticedAt ? [] : [`${short(versionId)} was never noticed`]),
      ...(current.verdict === secret.truths.get(versionId)
        ? []
        : [`${short(versionId)} has the verdict ${current.verdict}`]),
    ];
  },

  "the newest rotation moves forward in time only": ({ newestSince }) =>
    newestSince.flatMap((since, index) =>
      since <= (newestSince[index - 1] ?? "") ? [`from ${newestSince[index - 1]} to ${since}`] : [],
    ),

  "the ledger knows rotations that happened, each once": ({ secret }, { rotations }) =>
    rotations.flatMap(({ versionId, currentSince }) => {
      const moves = secret.moves.filter(
        (move) => move.versionId === versionId && isSameMove(currentSince, move.at),
      );
      return moves.length === 1
        ? []
        : [`${short(versionId)} since ${currentSince} stands for ${moves.length} moves`];
    }),

  "a verdict is what the store said": ({ secret }, { rotations }) =>
    rotations
      .filter(({ verdict, versionId }) => verdict !== undefined && !secret.said.get(versionId)?.has(verdict))
      .map(({ verdict, versionId }) => `${short(versionId)} has the verdict ${verdict}`),

  "an instance never goes back to an earlier report": ({ instanceWrites, reports }) => {
    const last = new Map<string, string>();
    return instanceWrites.flatMap(({ instanceId, versionId, swappedAt }) => {
      const before = last.get(instanceId) ?? "";
      last.set(instanceId, swappedAt);
      const isReported = reports.some(
        (report) =>
          report.instanceId === instanceId &&
          report.versionId === versionId &&
          report.occurredAt === swappedAt,
      );
      return [
        ...(swappedAt < before ? [`${nameOf(instanceId)} went back from ${before} to ${swappedAt}`] : []),
        ...(isReported ? [] : [`${nameOf(instanceId)} never reported ${short(versionId)} at ${swappedAt}`]),
      ];
    });
  },

  "an instance is on the version of its last report": ({ reports }, { instances }) =>
    instances.flatMap(({ instanceId, versionId }) => {
      const said = reports
        .filter((report) => report.instanceId === instanceId && report.outcome === "swapped")
        .toSorted((a, b) => a.occurredAt.localeCompare(b.occurredAt))
        .at(-1)?.versionId;
      return said === versionId ? [] : [`${nameOf(instanceId)} is on ${versionId}, and said ${said}`];
    }),

  "every event is counted once": ({ events, measured }) => {
    const counted = measured.map(({ event }) => stepOf(event));
    const steps = new Set(events.map(stepOf));
    return [
      ...repeated(counted),
      ...[...steps].filter((step) => !counted.includes(step)).map((step) => `${step} was never counted`),
    ];
  },
};

function isOf(
  rotation: RotationView | undefined,
  { currentSince, versionId }: Pick<RotationKey, "currentSince" | "versionId">,
) {
  return rotation?.currentSince === currentSince && rotation.versionId === versionId;
}

/** Whether a task is not on the version that is current: one that was created since is, unless it is given another. */
function isBehind(
  { use }: SimulatedWorld["ecs"]["services"][number],
  { taskArn, createdAt }: RunningTask,
  { currentSince, versionId }: RotationKey,
  instances: readonly InstanceRecord[],
): boolean {
  const isTold = instances.some((one) => one.instanceId === taskArn && one.versionId === versionId);
  return !isTold && (use === "pinned" || createdAt.getTime() < Date.parse(currentSince));
}

/** The event's whole second is refined by the secret's last change, where that falls into it. */
function isSameMove(currentSince: string, at: Date): boolean {
  const earlierMs = at.getTime() - Date.parse(currentSince);
  return earlierMs >= 0 && earlierMs < 1_000;
}

/** What an event tells of: the same for two events of one step. */
function stepOf({ type, detail }: SimulatedWorld["events"][number]): string {
  const { versionId, occurredAt } = detail;
  const at = "currentSince" in detail ? detail.currentSince : occurredAt;
  const who = [
    "instanceId" in detail && detail.instanceId,
    "serviceArn" in detail && detail.serviceArn,
    type === "RotationSeenAgain" && detail.detectedBy,
    type === "RedeployDeferred" && `${detail.claimant} ${detail.round}`,
  ];
  return [type, short(versionId), at, ...who.filter(Boolean)].join(" ");
}

function repeated(texts: readonly string[]): string[] {
  const twice = new Set(texts.filter((text, index) => texts.indexOf(text) !== index));
  return [...twice].map((text) => `twice: ${text}`);
}
