import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  parseRedeployMessage,
  type RedeployMessage,
} from "../../../../functions/redeploy/redeploy-message.ts";
import type { RotationKey } from "../../../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../../../shared/contract/domain-event.ts";
import type { Notice } from "../../../../shared/contract/notice.ts";
import type { Report } from "../../../../shared/contract/report.ts";
import type { RotationEvent } from "../../../../shared/contract/rotation-event.ts";
import type { Measurement } from "../../../../shared/lambda/secret-metrics.ts";
import { MessageQueues } from "./message-queues.ts";
import { SimulatedEcs } from "./simulated-ecs.ts";
import { isSameMove, SimulatedSecret, shortVersion, type Truth } from "./simulated-secret.ts";

export const DEADLINE_MS = 5_000;
const STARTED_AT = Date.parse("2026-11-20T10:00:00.250Z");
const DEFERRAL_MS = 30_000;
/** Events have whole seconds: moves within one second cannot be told apart. */
const SHORTEST_ROTATION_MS = 1_001;

/** A deployment that was forced, and the rotation that it was forced for. */
export interface ForcedDeployment extends RotationKey {
  readonly serviceArn: string;
  readonly at: Date;
  /** What the store would have said at that time. */
  readonly truth: Truth | undefined;
  /** How many other deployments that were forced were under way. */
  readonly besides: number;
  /** Current versions of the service's secrets that stood as rejected in the ledger when the handler looked at ECS. */
  readonly refused: readonly string[];
}

/** A verdict that was written, and after how many calls of all handlers. */
interface VerdictWrite extends Pick<RotationKey, "versionId" | "currentSince"> {
  readonly verdict: string;
  readonly call: number;
}

export interface Place {
  readonly service: string;
  readonly takenAt: string;
  readonly taker: string;
}

/** An instance's row after a write. */
export interface InstanceWrite {
  readonly instanceId: string;
  readonly versionId: string;
  readonly swappedAt: string;
}

/** What is around the handlers: it stands still until the test moves it, and remembers what was done to it. */
export class SimulatedWorld {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Whether verify moves AWSCURRENT back from a version that the store refuses. */
  readonly mayRestore: boolean;
  /** One that every service uses, and another that some use as well. */
  readonly secrets: readonly [SimulatedSecret, SimulatedSecret];
  /** Part of every ARN, so that worlds share a table and nothing else. */
  readonly name: string;
  readonly ecs: SimulatedEcs;
  readonly queues = new MessageQueues();
  readonly trace: string[] = [];

  // What happened, for the invariants.
  readonly notices: Notice[] = [];
  readonly events: DomainEvent[] = [];
  readonly reports: Report[] = [];
  readonly forced: ForcedDeployment[] = [];
  /** Moves of AWSCURRENT by verify. */
  readonly restored: {
    readonly versionId: string;
    readonly restoredVersionId: string;
    /** The version stood as accepted in the ledger when the move was claimed. */
    readonly wasAccepted: boolean;
  }[] = [];
  readonly instanceWrites: InstanceWrite[] = [];
  readonly verdictWrites: VerdictWrite[] = [];
  /** What the ledger took for the newest rotation of a secret, one after the other: since when. */
  readonly newestSince = new Map<string, string[]>();
  readonly measured: { readonly event: DomainEvent; readonly measurements: readonly Measurement[] }[] = [];
  /** Calls that handlers made on their ports. */
  calls = 0;
  nowMs = STARTED_AT;
  dryRun = false;
  /** How many of the next searches of ECS have no time to end. */
  unfinishedSearches = 0;
  /** Handlers that did not end well: they crashed, or failed. */
  readonly failed = new Set<string>();
  /** The places for deployments that are taken, by row: who has it since when, and which handler took it. */
  readonly places = new Map<string, Place>();
  /** Whether any handler missed the answer to a call. */
  hasLostAnswers = false;
  /** Of the move to the current version of each secret. */
  readonly #lastSigns = new Map<string, RotationEvent>();

  /** @param name of this world */
  constructor(client: DynamoDBClient, tableName: string, name: string, mayRestore: boolean) {
    this.client = client;
    this.mayRestore = mayRestore;
    this.tableName = tableName;
    this.name = name;
    const createdAt = new Date(STARTED_AT - 3_600_000);
    const secret = (of: string, mark: string) => {
      const secretName = `orders/${of}-${name}-AbCdEf`;
      return new SimulatedSecret(
        `arn:aws:secretsmanager:us-east-1:000000000000:secret:${secretName}`,
        mark,
        createdAt,
      );
    };
    this.secrets = [secret("db", "a"), secret("cache", "b")];
    const [db, cache] = this.secrets;
    this.ecs = new SimulatedEcs(name, [db.secretArn, cache.secretArn], createdAt);
  }

  readonly now = () => new Date(this.nowMs);

  note(text: string): void {
    this.trace.push(`${String(this.nowMs - STARTED_AT).padStart(7)} ms  ${text}`);
  }

  /** @param secretArn of one of the secrets, or a version of it */
  secret(secretArn: string): SimulatedSecret {
    const found = this.secrets.find((one) => one.secretArn === secretArn || one.truths.has(secretArn));
    if (!found) throw new Error(`There is no secret ${secretArn} in this world`);
    return found;
  }

  /** The verdict on a secret's current version that stood in the ledger after so many calls. */
  verdictAt(call: number, { current }: SimulatedSecret): string | undefined {
    return this.verdictWrites.findLast(
      (write) =>
        write.call <= call &&
        write.versionId === current.versionId &&
        isSameMove(write.currentSince, current.at),
    )?.verdict;
  }

  /** AWSCURRENT moves, as it does a second after the last move at the earliest. @param isSeenTwice whether CloudTrail tells of it too */
  rotate(to: Truth | "back", isSeenTwice: boolean, secret: SimulatedSecret = this.secrets[0]): void {
    this.nowMs = Math.max(this.nowMs, secret.current.at.getTime() + SHORTEST_ROTATION_MS);
    const { native, cloudTrail } = secret.rotate(to, this.now());
    this.note(`rotated to ${shortVersion(secret.current.versionId)} (${to})`);
    this.#tell(native, ...(isSeenTwice && cloudTrail ? [cloudTrail] : []));
  }

  /** verify moves AWSCURRENT back, unless somebody has moved it since. @param claimedAt when it was claimed, in calls */
  restore(from: string, to: string, claimedAt: number): boolean {
    const secret = this.secret(from);
    this.nowMs = Math.max(this.nowMs, secret.current.at.getTime() + SHORTEST_ROTATION_MS);
    const wasAccepted = this.verdictAt(claimedAt, secret) === "accepted";
    const native = secret.move(from, to, this.now());
    if (!native) return false;
    this.note(`moved back from ${shortVersion(from)} to ${shortVersion(to)}`);
    this.restored.push({ versionId: from, restoredVersionId: to, wasAccepted });
    this.#tell(native);
    return true;
  }

  #tell(...signs: readonly [RotationEvent, ...RotationEvent[]]): void {
    this.#lastSigns.set(signs[0].secretArn, signs[0]);
    for (const event of signs) {
      this.queues.send("notify", event, this.nowMs);
      this.queues.send("verify", event, this.nowMs);
      this.queues.send("redeploy", { secretArn: event.secretArn, event }, this.nowMs + DEADLINE_MS);
    }
  }

  /** A task with the client follows the version of a secret that is current. */
  report(pick: number): void {
    const choices = this.secrets.flatMap((secret) =>
      this.ecs.services
        .filter(({ reports }) => reports)
        .flatMap(({ tasks }) => tasks.map((task) => ({ task, secret }))),
    );
    const { task, secret } = choices[pick % choices.length] ?? {};
    if (!task || !secret) return;
    const { versionId, at } = secret.current;
    const isGood = secret.truths.get(versionId) === "accepted";
    const report: Report = {
      v: 1,
      secretArn: secret.secretArn,
      versionId,
      instanceId: task.taskArn,
      service: "orders",
      outcome: isGood ? "swapped" : "rejected",
      trigger: "notice",
      occurredAt: new Date(this.nowMs).toISOString(),
      ...(pick < choices.length && { currentSince: at.toISOString() }),
      timings: {},
      ...(!isGood && { reason: { code: "28P01", message: "refused" } }),
    };
    this.reports.push(report);
    this.note(`${task.taskArn.split("-").at(-1)} reports ${report.outcome} ${shortVersion(versionId)}`);
    this.queues.send("reports", report, this.nowMs);
  }

  /** The store takes the current version after all, and an operator has it tried again. */
  mendStore(secret: SimulatedSecret): void {
    const sign = this.#lastSigns.get(secret.secretArn);
    if (!sign || !secret.mend()) return;
    this.note(`the store takes ${shortVersion(secret.current.versionId)} now`);
    this.queues.send("verify", sign, this.nowMs);
  }

  /** An operator sends all dead letters back. @returns whether there were any */
  replay(): boolean {
    const letters = this.queues.replay(this.nowMs);
    if (letters > 0) this.note(`${letters} dead letters are sent back`);
    return letters > 0;
  }

  /** What handlers depend on does what it should, from now on. */
  mendCauses(): void {
    for (const secret of this.secrets) secret.endInterruption();
    this.ecs.endRefusals();
    this.unfinishedSearches = 0;
  }

  /** Somebody else deploys a service. */
  deploy(pick: number): void {
    this.note(`somebody deploys ${this.ecs.deploy(pick, this.now())}`);
  }

  endDeployment(outcome: "completed" | "failed"): boolean {
    const change = this.ecs.endDeployment(outcome, this.now());
    if (!change) return false;
    this.note(`deployment ${change.deploymentId} ${outcome}`);
    this.queues.send("redeploy", { change } satisfies RedeployMessage, this.nowMs);
    return true;
  }

  /**
   * SQS keeps a copy of a message. Of what is measured it does not, here: the claim of a measurement is the message's, so
   * that a crash loses no metric, and a copy has the same id.
   */
  duplicate(pick: number): void {
    const copied = this.queues.duplicate(pick, ({ queue }) => queue !== "measure");
    if (copied) this.note(`${copied.id} is there twice`);
  }

  /** EventBridge takes an event of the pipeline's own. */
  publish(event: DomainEvent): void {
    this.events.push(event);
    this.queues.send("measure", event, this.nowMs);
    const isAcceptedLater = event.type === "CredentialVerified" && event.detail.previousVerdict !== undefined;
    if (event.type !== "RedeployDeferred" && !isAcceptedLater) return;
    const body = { source: "keyturn.test", "detail-type": event.type, detail: event.detail };
    this.queues.send("redeploy", parseRedeployMessage(body), this.nowMs + DEFERRAL_MS);
  }

  /** SQS keeps a copy of every message that waits; see {@link duplicate}. */
  duplicateAll(): void {
    for (const message of [...this.queues.waiting]) this.duplicate(this.queues.waiting.indexOf(message));
  }
}
