import { type EndOfSecret, type Invariants, nameOf } from "./invariants.ts";
import { isSameMove, shortVersion } from "./simulated-secret.ts";

/** Of the rotations of one secret, and of those who follow them. */
export const rotationInvariants: Invariants<EndOfSecret> = {
  "a rotation that stays current is noticed, verified and the newest in the ledger": ({
    world: { notices },
    secret,
    view: { current },
  }) => {
    if (secret.moves.length < 2) return [];
    const { versionId, at } = secret.current;
    if (current?.versionId !== versionId) return [`the newest is ${current?.versionId}, not ${versionId}`];
    const isNoticed = notices.some(
      (notice) => notice.versionId === versionId && notice.currentSince === current.currentSince,
    );
    const name = shortVersion(versionId);
    return [
      ...(isSameMove(current.currentSince, at)
        ? []
        : [`${name} is current since ${at.toISOString()}, not ${current.currentSince}`]),
      ...(isNoticed && current.noticedAt ? [] : [`${name} was never noticed`]),
      ...(current.verdict === secret.truths.get(versionId)
        ? []
        : [`${name} has the verdict ${current.verdict}`]),
    ];
  },

  "the newest rotation moves forward in time only": ({ world, secret }) =>
    (world.newestSince.get(secret.secretArn) ?? []).flatMap((since, index, all) =>
      since <= (all[index - 1] ?? "") ? [`from ${all[index - 1]} to ${since}`] : [],
    ),

  "the ledger knows rotations that happened, each once": ({ secret, view: { rotations } }) =>
    rotations.flatMap(({ versionId, currentSince }) => {
      const moves = secret.moves.filter(
        (move) => move.versionId === versionId && isSameMove(currentSince, move.at),
      );
      return moves.length === 1
        ? []
        : [`${shortVersion(versionId)} since ${currentSince} stands for ${moves.length} moves`];
    }),

  // One whose answer is lost is as good as none.
  "a verdict is what the store said": ({ world, secret, view: { rotations } }) =>
    rotations
      .filter(
        ({ verdict, versionId }) =>
          verdict !== undefined &&
          !secret.said.get(versionId)?.has(verdict) &&
          !(verdict === "unreachable" && world.hasLostAnswers),
      )
      .map(({ verdict, versionId }) => `${shortVersion(versionId)} has the verdict ${verdict}`),

  "an instance never goes back to an earlier report": ({ world, secret }) => {
    const last = new Map<string, string>();
    const writes = world.instanceWrites.filter(({ versionId }) => secret.truths.has(versionId));
    return writes.flatMap(({ instanceId, versionId, swappedAt }) => {
      const before = last.get(instanceId) ?? "";
      last.set(instanceId, swappedAt);
      const isReported = world.reports.some(
        (report) =>
          report.instanceId === instanceId &&
          report.versionId === versionId &&
          report.occurredAt === swappedAt,
      );
      const name = nameOf(instanceId);
      return [
        ...(swappedAt < before ? [`${name} went back from ${before} to ${swappedAt}`] : []),
        ...(isReported ? [] : [`${name} never reported ${shortVersion(versionId)} at ${swappedAt}`]),
      ];
    });
  },

  "an instance is on the version of its last report": ({ world, secret, view: { instances } }) =>
    instances.flatMap(({ instanceId, versionId }) => {
      const said = world.reports
        .filter(
          (report) =>
            report.instanceId === instanceId &&
            report.secretArn === secret.secretArn &&
            report.outcome === "swapped",
        )
        .toSorted((a, b) => a.occurredAt.localeCompare(b.occurredAt))
        .at(-1)?.versionId;
      return said === versionId ? [] : [`${nameOf(instanceId)} is on ${versionId}, and said ${said}`];
    }),
};
