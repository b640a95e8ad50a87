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
import { SimulatedSecret, type Truth } from "./simulated-secret.ts";

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
  readonly secret: SimulatedSecret;
  readonly ecs: SimulatedEcs;
  readonly queues = new MessageQueues();
  readonly trace: string[] = [];

  // What happened, for the invariants.
  readonly notices: Notice[] = [];
  readonly events: DomainEvent[] = [];
  readonly reports: Report[] = [];
  readonly forced: ForcedDeployment[] = [];
  /** Moves of AWSCURRENT by verify. */
  readonly restored: { readonly versionId: string; readonly restoredVersionId: string }[] = [];
  readonly instanceWrites: InstanceWrite[] = [];
  /** What the ledger took for the newest rotation, one after the other: since when. */
  readonly newestSince: string[] = [];
  readonly measured: { readonly event: DomainEvent; readonly measurements: readonly Measurement[] }[] = [];
  /** Calls that handlers made on their ports. */
  calls = 0;
  nowMs = STARTED_AT;
  /** Of the move to the current version. */
  #lastSign: RotationEvent | undefined;

  /** @param name of this world, part of every ARN, so that worlds share a table and nothing else */
  constructor(client: DynamoDBClient, tableName: string, name: string, mayRestore: boolean) {
    this.client = client;
    this.mayRestore = mayRestore;
    this.tableName = tableName;
    const createdAt = new Date(STARTED_AT - 3_600_000);
    this.secret = new SimulatedSecret(
      `arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-${name}-AbCdEf`,
      createdAt,
    );
    this.ecs = new SimulatedEcs(name, createdAt);
  }

  readonly now = () => new Date(this.nowMs);

  note(text: string): void {
    this.trace.push(`${String(this.nowMs - STARTED_AT).padStart(7)} ms  ${text}`);
  }

  /** AWSCURRENT moves, as it does a second after the last move at the earliest. @param isSeenTwice whether CloudTrail tells of it too */
  rotate(to: Truth | "back", isSeenTwice: boolean): void {
    this.nowMs = Math.max(this.nowMs, this.secret.current.at.getTime() + SHORTEST_ROTATION_MS);
    const { native, cloudTrail } = this.secret.rotate(to, this.now());
    this.note(`rotated to ${native.versionId?.slice(-2)} (${to})`);
    this.#tell(native, ...(isSeenTwice && cloudTrail ? [cloudTrail] : []));
  }

  /** verify moves AWSCURRENT back, unless somebody has moved it since. */
  restore(from: string, to: string): boolean {
    this.nowMs = Math.max(this.nowMs, this.secret.current.at.getTime() + SHORTEST_ROTATION_MS);
    const native = this.secret.move(from, to, this.now());
    if (!native) return false;
    this.note(`moved back from ${from.slice(-2)} to ${to.slice(-2)}`);
    this.restored.push({ versionId: from, restoredVersionId: to });
    this.#tell(native);
    return true;
  }

  #tell(...signs: readonly [RotationEvent, ...RotationEvent[]]): void {
    this.#lastSign = signs[0];
    for (const event of signs) {
      this.queues.send("notify", event, this.nowMs);
      this.queues.send("verify", event, this.nowMs);
      this.queues.send("redeploy", { secretArn: event.secretArn, event }, this.nowMs + DEADLINE_MS);
    }
  }

  /** A task with the client follows the version that is current. */
  report(pick: number): void {
    const tasks = this.ecs.services.filter(({ reports }) => reports).flatMap((service) => service.tasks);
    const task = tasks[pick % tasks.length];
    const { versionId, at } = this.secret.current;
    if (!task) return;
    const isGood = this.secret.truths.get(versionId) === "accepted";
    const report: Report = {
      v: 1,
      secretArn: this.secret.secretArn,
      versionId,
      instanceId: task.taskArn,
      service: "orders",
      outcome: isGood ? "swapped" : "rejected",
      trigger: "notice",
      occurredAt: new Date(this.nowMs).toISOString(),
      ...(pick % 2 === 0 && { currentSince: at.toISOString() }),
      timings: {},
      ...(!isGood && { reason: { code: "28P01", message: "refused" } }),
    };
    this.reports.push(report);
    this.note(`${task.taskArn.split("-").at(-1)} reports ${report.outcome} ${versionId.slice(-2)}`);
    this.queues.send("reports", report, this.nowMs);
  }

  /** The store takes the current version after all, and an operator has it tried again, as by a replayed dead letter. */
  mendStore(): void {
    const { versionId } = this.secret.current;
    if (!this.#lastSign || !this.secret.mend()) return;
    this.note(`the store takes ${versionId.slice(-2)} now`);
    this.queues.send("verify", this.#lastSign, this.nowMs);
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
