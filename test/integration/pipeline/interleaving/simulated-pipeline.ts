import { createAcknowledge } from "../../../../functions/acknowledge/acknowledge.ts";
import { createMeasure } from "../../../../functions/measure/measure.ts";
import { createNotify } from "../../../../functions/notify/notify.ts";
import { createFollowDeployment } from "../../../../functions/redeploy/follow-deployment.ts";
import { createRedeploy } from "../../../../functions/redeploy/redeploy.ts";
import type { RedeployMessage } from "../../../../functions/redeploy/redeploy-message.ts";
import { createRestorePrevious } from "../../../../functions/verify/restore-previous.ts";
import { createVerify } from "../../../../functions/verify/verify.ts";
import type { Ledger } from "../../../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../../../shared/contract/domain-event.ts";
import type { Report } from "../../../../shared/contract/report.ts";
import type { RotationEvent } from "../../../../shared/contract/rotation-event.ts";
import type { Measurement, PublishMeasurements } from "../../../../shared/lambda/secret-metrics.ts";
import { type Answer, HandlerRun } from "./handler-run.ts";
import type { QueuedMessage } from "./message-queues.ts";
import { createPorts, TIMEOUT_MS } from "./simulated-ports.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

/** More than any schedule leaves behind. */
const MOST_MESSAGES = 1_000;

/** What becomes of a handler that has made a call: it crashes, or goes on with or without the answer. */
export type Fate = "crash" | Answer;

interface RunUnderWay {
  readonly run: HandlerRun;
  readonly message: QueuedMessage;
  readonly startedAt: number;
}

/** The pipeline's own handlers on the real ledger, in a world where each of them stops after each of its calls. */
export class SimulatedPipeline {
  readonly world: SimulatedWorld;
  readonly #runs: RunUnderWay[] = [];

  constructor(world: SimulatedWorld) {
    this.world = world;
  }

  /** Time passes; what a handler does not do within its function's time, it never does. */
  async wait(ms: number): Promise<void> {
    this.world.nowMs += ms;
    for (const { run, startedAt } of [...this.#runs]) {
      if (this.world.nowMs - startedAt < TIMEOUT_MS) continue;
      this.world.note(`${run.name} is out of time`);
      await this.crash(this.#runs.findIndex((one) => one.run === run));
    }
  }

  /** SQS hands out a message, and its handler runs up to its first call. @returns undefined where no message is visible */
  async deliver(pick: number): Promise<HandlerRun | undefined> {
    const message = this.world.queues.receive(this.world.nowMs, pick);
    if (!message) return undefined;
    const run = new HandlerRun(`${message.id}.${message.receives}`);
    this.#runs.push({ run, message, startedAt: this.world.nowMs });
    this.world.note(`${run.name} begins`);
    await run.start(() => this.#handle(message, run));
    this.#settle(run);
    return run;
  }

  /** One of the handlers that are under way goes on to its next call. */
  async goOn(pick: number, answer: Answer = "comes"): Promise<void> {
    const { run } = this.#runs[pick % Math.max(1, this.#runs.length)] ?? {};
    if (!run) return;
    if (answer !== "comes") {
      this.world.hasLostAnswers = true;
      this.world.note(`${run.name} misses an answer to ${run.calls.at(-1)}: ${answer}`);
    }
    await run.goOn(pick, answer);
    this.#settle(run);
  }

  /** One of the handlers that are under way crashes after the call that it made. */
  async crash(pick: number): Promise<void> {
    const { run } = this.#runs[pick % Math.max(1, this.#runs.length)] ?? {};
    if (!run) return;
    this.world.note(`${run.name} crashes after ${run.calls.at(-1)}`);
    await run.crash();
    this.#settle(run);
  }

  /** A batch that is out of time: all handlers of one queue that are under way crash. */
  async crashBatch(pick: number): Promise<void> {
    const { queue } = this.#runs[pick % Math.max(1, this.#runs.length)]?.message ?? {};
    const batch = this.#runs.filter(({ message }) => message.queue === queue);
    for (const one of batch) await this.crash(this.#runs.indexOf(one));
  }

  /**
   * A message is handled without a break.
   *
   * @param decide asked after each call; all goes well unless given
   * @returns false where no message is visible
   */
  async handle(pick: number, decide: (run: HandlerRun) => Fate = () => "comes"): Promise<boolean> {
    const run = await this.deliver(pick);
    while (run && !run.end) {
      const index = this.#runs.findIndex((one) => one.run === run);
      const fate = decide(run);
      if (fate === "crash") await this.crash(index);
      else await this.goOn(index, fate);
    }
    return run !== undefined;
  }

  /**
   * Everything comes to its end, one message after the other. Then causes are mended and dead letters replayed, once.
   *
   * @param faultAtCall counts all calls from here on, from 0; all goes well unless given
   * @param fault of that call
   * @returns whether there were so many calls
   */
  async drain(faultAtCall = Number.POSITIVE_INFINITY, fault: Fate = "crash"): Promise<boolean> {
    const { world } = this;
    const faultAt = world.calls + faultAtCall;
    let [hasFault, isReplayed] = [false, false];
    const decide = () => {
      if (hasFault || world.calls <= faultAt) return "comes";
      hasFault = true;
      return fault;
    };
    while (this.#runs.length > 0) await this.goOn(0);
    for (let handled = 0; handled < MOST_MESSAGES; ) {
      if (await this.handle(0, decide)) handled += 1;
      else if (!world.endDeployment("completed")) {
        const nextAt = world.queues.nextAt();
        if (nextAt !== undefined) world.nowMs = nextAt;
        else if (isReplayed) return hasFault;
        else {
          // In the order of the runbook.
          world.mendCauses();
          isReplayed = true;
          if (!world.replay()) return hasFault;
        }
      }
    }
    throw new Error(
      `Messages come back for ever: ${this.world.queues.waiting.map(({ id }) => id).join(", ")}`,
    );
  }

  /** What has failed comes back; what has succeeded is deleted. */
  #settle(run: HandlerRun): void {
    const { end } = run;
    if (!end) return;
    const index = this.#runs.findIndex((one) => one.run === run);
    const [ended] = this.#runs.splice(index, 1);
    const said = "failure" in end ? `fails: ${end.failure}` : `ends: ${JSON.stringify(end.outcome)}`;
    this.world.note(`${run.name} ${said}`);
    if (!("failure" in end) || !ended) return;
    this.world.failed.add(run.name);
    const isDead = this.world.queues.giveBack(ended.message, this.world.nowMs);
    if (isDead) this.world.note(`${ended.message.id} is a dead letter`);
  }

  #handle(message: QueuedMessage, run: HandlerRun): Promise<unknown> {
    const ports = createPorts(this.world, run);
    const { body, id } = message;
    switch (message.queue) {
      case "notify":
        return createNotify(ports)(body as RotationEvent);
      case "verify":
        return createVerify({
          ...ports,
          restorePrevious: this.world.mayRestore ? createRestorePrevious(ports) : undefined,
        })(body as RotationEvent, { messageId: id, receiveCount: message.receives });
      case "reports":
        return createAcknowledge(ports)(body as Report);
      case "redeploy": {
        const asked = body as RedeployMessage;
        return "change" in asked
          ? createFollowDeployment(ports)(asked.change)
          : createRedeploy(ports)(asked.event, id, asked);
      }
      case "measure":
        return this.#measure(body as DomainEvent, id, ports.ledger);
    }
  }

  /** Metrics are written when the invocation ends; those of one that crashes are lost. */
  async #measure(event: DomainEvent, id: string, ledger: Ledger): Promise<unknown> {
    const measurements: Measurement[] = [];
    const publish: PublishMeasurements = (_, measured) => void measurements.push(...measured);
    const outcome = await createMeasure({ ledger, publish, now: this.world.now })(event, id);
    if (measurements.length > 0) this.world.measured.push({ event, measurements });
    return outcome;
  }
}
