import type { RotationKey } from "../../shared/aws/ledger.ts";
import type { CarriedOut, CarryOutRound, createCarryOut } from "./carry-out.ts";
import type { StaleService } from "./plan-redeploy.ts";

export interface Acted {
  /** What became of each service that was seen to. */
  readonly done: readonly (readonly [serviceArn: string, became: CarriedOut])[];
  readonly failures: readonly unknown[];
  /** Services that wait for the next round. */
  readonly waits: number;
}

/** So many withheld ones are told of at a time. */
const AT_A_TIME = 20;

/**
 * Carries out what was decided about services, as long as there is time.
 *
 * @param hasTime whether there is time for another one: the rest waits
 */
export async function actOnServices(
  carryOut: ReturnType<typeof createCarryOut>,
  rotation: RotationKey,
  services: readonly StaleService[],
  round: CarryOutRound,
  hasTime: () => boolean,
): Promise<Acted> {
  const done: [serviceArn: string, became: CarriedOut][] = [];
  const failures: unknown[] = [];
  const see = async (behind: StaleService): Promise<void> => {
    // One service that ECS refuses must not keep the others from their turn.
    try {
      done.push([behind.service.serviceArn, await carryOut(rotation, behind, round)]);
    } catch (error) {
      failures.push(error);
    }
  };
  const withheld = services.filter(({ decision }) => decision !== "redeploy");
  const toDeploy = services.filter(({ decision }) => decision === "redeploy");
  for (let first = 0; first < withheld.length && hasTime(); first += AT_A_TIME)
    await Promise.all(withheld.slice(first, first + AT_A_TIME).map(see));
  // One after the other, so that the search for a place ends where none is left.
  for (const behind of toDeploy) {
    if (!hasTime()) break;
    await see(behind);
    if (done.at(-1)?.[1] === "superseded") return { done, failures, waits: 0 };
  }
  const left = services.length - done.length - failures.length;
  return { done, failures, waits: left + done.filter(([, became]) => became === "waits").length };
}
