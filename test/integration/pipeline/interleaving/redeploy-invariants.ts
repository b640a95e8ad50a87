import { LONGEST_HELD_MS } from "../../../../shared/aws/redeploy-slots.ts";
import { type Invariants, nameOf, repeated } from "./invariants.ts";
import { PLACES } from "./simulated-ports.ts";
import { shortVersion } from "./simulated-secret.ts";
import { DEADLINE_MS, type SimulatedWorld } from "./simulated-world.ts";

const CLOCKS_DIFFER_MS = 1_000;

/** Of deployments that are forced, of labels that are moved back, and of what is counted. */
export const redeployInvariants: Invariants<SimulatedWorld> = {
  "no service is redeployed for a rejected or untried credential": ({ forced }) =>
    forced
      .filter(({ truth }) => truth !== "accepted")
      .map(
        ({ versionId, serviceArn }) => `${nameOf(serviceArn)} was redeployed for ${shortVersion(versionId)}`,
      ),

  // A verdict that comes after the last look at the ledger comes too late.
  "no service is redeployed while one of its secrets is known to have a credential that the store refuses": ({
    forced,
  }) =>
    forced
      .filter(({ refused }) => refused.length > 0)
      .map(
        ({ versionId, serviceArn, refused }) =>
          `${nameOf(serviceArn)} was redeployed for ${shortVersion(versionId)} with ${refused.map(shortVersion)}`,
      ),

  "no service is redeployed before the deadline": ({ forced }) =>
    forced
      .filter(
        ({ at, currentSince }) => at.getTime() < Date.parse(currentSince) + DEADLINE_MS - CLOCKS_DIFFER_MS,
      )
      .map(
        ({ at, versionId, serviceArn }) =>
          `${nameOf(serviceArn)} for ${shortVersion(versionId)} at ${at.toISOString()}`,
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

  // Where a handler failed, or ECS tells of no end, a place comes free by the time alone.
  "every place is free in the end": ({ places, failed, ecs, now }) =>
    [...places.values()]
      .filter(
        ({ service, takenAt, taker }) =>
          now().getTime() - Date.parse(takenAt) < LONGEST_HELD_MS &&
          !failed.has(taker) &&
          !ecs.overtaken.has(service),
      )
      .map(({ service, takenAt, taker }) => `${taker} took one for ${nameOf(service)} at ${takenAt}`),

  "AWSCURRENT is moved back at most once from a version, and that is told of, and nothing else": ({
    restored,
    events,
  }) => {
    const nameOfMove = (move: { versionId: string; restoredVersionId: string }) =>
      `from ${shortVersion(move.versionId)} to ${shortVersion(move.restoredVersionId)}`;
    const moves = restored.map(nameOfMove);
    const told = events.flatMap((event) =>
      event.type === "CredentialRestored" ? [nameOfMove(event.detail)] : [],
    );
    return [
      ...repeated(restored.map(({ versionId }) => shortVersion(versionId))),
      ...moves.filter((move) => !told.includes(move)).map((move) => `${move}, and nobody told`),
      ...told.filter((move) => !moves.includes(move)).map((move) => `${move} is told, and was not done`),
    ];
  },

  "AWSCURRENT is never moved back from a version that is known to be accepted": ({ restored }) =>
    restored
      .filter(({ wasAccepted }) => wasAccepted)
      .map(({ versionId }) => `from ${shortVersion(versionId)}`),

  // What measure has claimed and not written at its last delivery, a replay takes for counted.
  "every event is counted once": ({ events, measured, queues }) => {
    const counted = measured.map(({ event }) => stepOf(event));
    const given = queues.deadLetters.filter(({ queue }) => queue === "measure");
    const givenUp = new Set(given.map(({ body }) => stepOf(body as Event)));
    const steps = new Set(events.map(stepOf));
    return [
      ...repeated(counted),
      ...[...steps]
        .filter((step) => !counted.includes(step) && !givenUp.has(step))
        .map((step) => `${step} was never counted`),
    ];
  },
};

type Event = SimulatedWorld["events"][number];

/** What an event tells of: the same for two events of one step. */
function stepOf({ type, detail }: Event): string {
  const { versionId, occurredAt } = detail;
  const at = "currentSince" in detail ? detail.currentSince : occurredAt;
  const who = [
    "instanceId" in detail && detail.instanceId,
    "serviceArn" in detail && detail.serviceArn,
    type === "RotationSeenAgain" && detail.detectedBy,
    type === "RedeployDeferred" && `${detail.claimant} ${detail.round}`,
  ];
  return [type, shortVersion(versionId), at, ...who.filter(Boolean)].join(" ");
}
