import type { RunningTask } from "../../../../shared/aws/ecs-services.ts";
import type { RotationView } from "../../../../shared/aws/ledger.ts";
import { type EndOfSecret, type Invariants, nameOf } from "./invariants.ts";
import type { SimulatedService } from "./simulated-ecs.ts";
import { shortVersion } from "./simulated-secret.ts";

/** Of what is decided about the services that use one secret. */
export const decisionInvariants: Invariants<EndOfSecret> = {
  // Of the newest rotation its end is told, too, once that has come. A newer one leaves the claim of a crash as it is.
  "every redeploy of a rotation that stays current is finished in the ledger, and told of": ({
    world,
    view,
  }) =>
    world.forced
      .filter((forced) => isOf(view.current, forced))
      .flatMap((forced) => {
        const { serviceArn } = forced;
        const decision = view.decisions.find((one) => one.serviceArn === serviceArn && isOf(one, forced));
        const isTold = (...types: string[]) => isToldOf(world.events, forced, ...types);
        const name = nameOf(serviceArn);
        const running = world.ecs.services.find((service) => service.serviceArn === serviceArn)?.deployment;
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

  "every redeploy stands in the ledger": ({ world, secret, view }) =>
    world.forced
      .filter(
        (forced) =>
          forced.secretArn === secret.secretArn &&
          !view.decisions.some(
            (one) => one.serviceArn === forced.serviceArn && isOf(one, forced) && one.intent === "redeploy",
          ),
      )
      .map(
        ({ serviceArn, versionId }) => `${nameOf(serviceArn)} was redeployed for ${shortVersion(versionId)}`,
      ),

  "no decision of the newest rotation is left unfinished": ({ view: { current, decisions } }) =>
    decisions
      .filter((decision) => isOf(current, decision) && decision.decision === undefined)
      .map(({ serviceArn, intent }) => `${nameOf(serviceArn)} was about to be: ${intent}`),

  // Where another secret stands against it then, that is the reason.
  "a service that is stale does not stay withheld for a verdict that is accepted by now": (end) => {
    const { current, decisions } = end.view;
    if (current?.verdict !== "accepted") return [];
    const behind = findBehind(end);
    return decisions
      .filter(
        (one) =>
          isOf(current, one) && one.decision?.startsWith("credential-") && behind.includes(one.serviceArn),
      )
      .map(({ serviceArn, decision }) => `${nameOf(serviceArn)} is withheld still: ${decision}`);
  },

  "a service that pins the version is told of as that, whatever is deployed": ({ world, secret, view }) => {
    const pinned = world.ecs.services.filter(({ uses }) => uses.get(secret.secretArn) === "pinned");
    return view.decisions
      .filter(({ serviceArn }) => pinned.some((service) => service.serviceArn === serviceArn))
      .filter(({ decision }) => decision !== undefined && decision !== "secret-pinned")
      .map(({ decision }) => `it is withheld for ${decision}`);
  },

  "every service that is behind is redeployed, or withheld with a reason": (end) => {
    const { current, decisions } = end.view;
    return findBehind(end)
      .filter((arn) => !decisions.some((one) => one.serviceArn === arn && isOf(current, one) && one.decision))
      .map((arn) => `${nameOf(arn)} is behind, and nothing was decided`);
  },

  "every decision is told of": ({ world, view }) =>
    view.decisions
      .filter((one) => {
        const { decision } = one;
        return (
          decision !== undefined &&
          decision !== "no-longer-behind" &&
          !isToldOf(world.events, one, EVENTS.get(decision) ?? "RedeployWithheld")
        );
      })
      .map(({ serviceArn, decision }) => `${nameOf(serviceArn)}: ${decision}, and no event`),
};

/** What tells of a decision that withholds nothing. */
const EVENTS = new Map([
  ["redeploy", "ServiceRedeployed"],
  ["dry-run", "RedeployPlanned"],
]);

type Move = Pick<RotationView, "currentSince" | "versionId">;

function isOf(rotation: Move | undefined, { currentSince, versionId }: Move): boolean {
  return rotation?.currentSince === currentSince && rotation.versionId === versionId;
}

function isToldOf(
  events: EndOfSecret["world"]["events"],
  about: Move & { readonly serviceArn: string },
  ...types: string[]
): boolean {
  return events.some(
    ({ type, detail }) =>
      types.includes(type) &&
      "serviceArn" in detail &&
      detail.serviceArn === about.serviceArn &&
      isOf(detail, about),
  );
}

/** Services with tasks that are not on the version that is current. */
function findBehind({ world, secret, view: { current, instances } }: EndOfSecret): string[] {
  if (secret.moves.length < 2 || !current) return [];
  // One that was created since is on it, unless it is given another.
  const isBehind = ({ uses }: SimulatedService, { taskArn, createdAt }: RunningTask) => {
    const use = uses.get(secret.secretArn);
    const isTold = instances.some((one) => one.instanceId === taskArn && one.versionId === current.versionId);
    return use && !isTold && (use === "pinned" || createdAt.getTime() < Date.parse(current.currentSince));
  };
  return world.ecs.services
    .filter((service) => service.tasks.some((task) => isBehind(service, task)))
    .map(({ serviceArn }) => serviceArn);
}
