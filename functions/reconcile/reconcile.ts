import type { Continuations } from "../../shared/aws/event-bus.ts";
import type { KnownSecret, Ledger } from "../../shared/aws/ledger.ts";
import type { Parameters } from "../../shared/aws/parameters.ts";
import type { SecretList } from "../../shared/aws/secret-list.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import { MOST_ASKED_AGAIN, type ReconcileContinued } from "../../shared/contract/reconcile-continued.ts";
import type { PresentSecret } from "./plan-reconcile.ts";
import {
  createReconcileSecret,
  presentParameter,
  presentSecret,
  type ReconcileSecretPorts,
} from "./reconcile-secret.ts";
import { createTellSilent, type TellSilentPorts } from "./tell-silent.ts";
import { workThrough } from "./work-through.ts";

export interface ReconcilePorts extends ReconcileSecretPorts, TellSilentPorts {
  readonly list: Pick<SecretList, "watched">;
  readonly parameters: Parameters;
  readonly ledger: ReconcileSecretPorts["ledger"] & TellSilentPorts["ledger"] & Pick<Ledger, "listSecrets">;
  readonly continuations: Continuations;
  readonly emit: (measurement: { readonly name: "SecretsReconciled"; readonly value: number }) => void;
  /** How long one invocation may go on to begin with another secret, in milliseconds. */
  readonly budgetMs: number;
}

export interface ReconcileOutcome {
  /** "continued": the time was up, and an event of its own brings the rest. */
  readonly outcome: "reconciled" | "continued";
  /** Secrets that were compared. */
  readonly secrets: number;
  /** ARNs whose rotation had been missed. */
  readonly missed: readonly string[];
  /** ARNs whose rotation was known, and not handled to its end. */
  readonly unfinished: readonly string[];
  /** ARNs whose rotation is to be checked anew, since nobody told how a deployment for it ended. */
  readonly deploymentUnknown: readonly string[];
  /** Instances that fell silent since the last run. */
  readonly silent: readonly string[];
}

/** Most of the time of one is spent waiting for its turn, and for answers. */
const AT_ONCE = 10;
/** With the default timeout, many hours: a run that goes on for so long makes no way. */
const MOST_PARTS = 100;

/**
 * The net under all sources: compares what is current with what the ledger knows, for every secret and parameter that is
 * watched or known, in the order of their ARNs; and marks instances that have fallen silent.
 *
 * @returns a function of the message's id, and of where the run goes on
 * @throws DependencyError where some secrets could not be seen to; the others have been
 */
export function createReconcile(ports: ReconcilePorts) {
  const { parameters, list, ledger, continuations, emit, now, pace, budgetMs } = ports;
  const reconcileSecret = createReconcileSecret(ports);
  const tellSilent = createTellSilent(ports);

  return async (
    messageId: string,
    { after, again, part }: Omit<ReconcileContinued, "v"> = { after: "", again: [], part: 1 },
  ): Promise<ReconcileOutcome> => {
    const startedAt = now().getTime();
    const [listed, known] = await Promise.all([readListed(), readKnown()]);
    const all = [...new Set([...known.keys(), ...listed.keys()])].toSorted();
    const todo = [...again, ...all.filter((secretArn) => secretArn > after)];

    const found = {
      missed: [] as string[],
      unfinished: [] as string[],
      deploymentUnknown: [] as string[],
      silent: [] as string[],
    };
    const failed = new Map<string, unknown>();
    const seeTo = async (secretArn: string): Promise<void> => {
      try {
        const row = known.get(secretArn);
        const fedIn = await reconcileSecret(secretArn, row, listed.get(secretArn), messageId);
        if (fedIn) found[fedIn].push(secretArn);
        if (row) found.silent.push(...(await tellSilent(secretArn)));
      } catch (error) {
        // One secret that cannot be asked about must not keep the others from their turn.
        failed.set(secretArn, error);
      }
    };
    const done = await workThrough(todo, AT_ONCE, seeTo, () => now().getTime() - startedAt < budgetMs);
    const secrets = done - failed.size;
    emit({ name: "SecretsReconciled", value: secrets });

    const isOver = done === todo.length;
    const left = [...failed.keys(), ...again.slice(done)];
    if (isOver && left.length === 0) return { outcome: "reconciled", secrets, ...found };
    if (isOver || done === 0 || left.length > MOST_ASKED_AGAIN || part >= MOST_PARTS) {
      throw new DependencyError(
        `${failed.size} of ${todo.length} secrets could not be reconciled, and ${todo.length - done} had no turn`,
        { cause: failed.values().next().value },
      );
    }
    // While it is at what failed before, it has not come further in the order of all.
    const reached = done > again.length ? (todo[done - 1] ?? after) : after;
    await continuations.send({ v: 1, after: reached, again: left, part: part + 1 });
    return { outcome: "continued", secrets, ...found };
  };

  /** What the lists show, by ARN. */
  async function readListed(): Promise<Map<string, PresentSecret>> {
    const listed = new Map<string, PresentSecret>();
    for await (const facts of list.watched()) listed.set(facts.secretArn, presentSecret(facts));
    for await (const facts of parameters.watched(pace.parameter))
      listed.set(facts.parameterArn, presentParameter(facts));
    return listed;
  }

  async function readKnown(): Promise<Map<string, KnownSecret>> {
    const known = new Map<string, KnownSecret>();
    for await (const secret of ledger.listSecrets()) known.set(secret.secretArn, secret);
    return known;
  }
}
