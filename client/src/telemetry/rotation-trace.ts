import { type Context, context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Notice } from "../../../shared/contract/notice.ts";
import type { Trigger } from "../core/attempt.ts";
import type { Adoption } from "../core/rotating-resource.ts";
import {
  CURRENT_SINCE,
  ERROR_TYPE,
  errorTypeOf,
  OUTCOME,
  SCOPE,
  SECRET_NAME,
  secretNameOf,
  TRIGGER,
  VERSION_ID,
} from "./names.ts";
import type { Step, Steps } from "./steps.ts";
import { contextOf } from "./traceparent.ts";

export type { Step, Steps };

/** What is looked at. */
export interface Watched {
  readonly secretId: string;
  /** What is in use; without a version, what is found is no rotation. */
  readonly resource: { readonly versionId: string | undefined };
}

/** What made us look. */
export interface Hint {
  readonly trigger: Trigger;
  readonly notice: Notice | undefined;
  /** When it came, by `performance.now()`. */
  readonly at: number;
}

/**
 * The trace of one rotation: span `keyturn.rotation`, a child for each step. What a step calls runs in the context of
 * its span, so that spans of the drivers and the AWS SDK come under it.
 *
 * A look on a notice is a rotation from its beginning, and goes on with the notice's trace. Any other look becomes one
 * when it has found a new version; most polls find none and leave no trace.
 */
export class RotationTrace implements Steps {
  readonly #secretId: string;
  readonly #hint: Hint;
  readonly #isRotation: boolean;
  #rotation: { readonly span: Span; readonly context: Context } | undefined;
  #fetched: { readonly from: number; readonly to: number } | undefined;

  /** Traces a look that may become a rotation. Throws what the work throws. */
  static async run<T>(
    { secretId, resource }: Watched,
    hint: Hint,
    work: (trace: RotationTrace) => Promise<T>,
  ): Promise<T> {
    const running = new RotationTrace(secretId, hint, resource.versionId !== undefined);
    try {
      if (hint.notice) running.#begin();
      return await work(running);
    } catch (error) {
      running.#conclude("failed", errorTypeOf(error));
      throw error;
    } finally {
      running.#conclude("unchanged");
    }
  }

  private constructor(secretId: string, hint: Hint, isRotation: boolean) {
    this.#secretId = secretId;
    this.#hint = hint;
    this.#isRotation = isRotation;
  }

  async fetch<T>(read: () => Promise<T>): Promise<T> {
    if (this.#rotation) return this.step("fetch", read);
    const from = Date.now();
    const value = await read();
    this.#fetched = { from, to: Date.now() };
    return value;
  }

  /** There is a version to try; how that ends is the outcome of the rotation. */
  async adopt(versionId: string, work: () => Promise<Adoption>): Promise<Adoption> {
    this.#begin();
    this.#rotation?.span.setAttribute(VERSION_ID, versionId);
    const adoption = await work();
    this.#conclude(adoption.outcome, adoption.outcome === "rejected" ? adoption.refusal.code : undefined);
    return adoption;
  }

  step<T>(name: Step, work: () => T): T {
    if (!this.#rotation) return work();
    const span = startSpan(`keyturn.${name}`, this.#rotation.context);
    try {
      const result = context.with(trace.setSpan(this.#rotation.context, span), work);
      if (!(result instanceof Promise)) span.end();
      else void result.then(() => span.end()).catch((error) => endWith(span, error));
      return result;
    } catch (error) {
      endWith(span, error);
      throw error;
    }
  }

  #begin(): void {
    if (this.#rotation || !this.#isRotation) return;
    const { trigger, notice, at } = this.#hint;
    const parent = contextOf(notice?.traceparent);
    const startTime = Math.floor(Date.now() - (performance.now() - at));
    const span = startSpan("keyturn.rotation", parent, startTime);
    span.setAttributes({ [SECRET_NAME]: secretNameOf(this.#secretId), [TRIGGER]: trigger });
    if (notice) span.setAttribute(CURRENT_SINCE, notice.currentSince);
    this.#rotation = { span, context: trace.setSpan(parent, span) };
    if (!this.#fetched) return;
    startSpan("keyturn.fetch", this.#rotation.context, this.#fetched.from).end(this.#fetched.to);
  }

  /** The first outcome counts. */
  #conclude(outcome: Adoption["outcome"] | "failed" | "unchanged", errorType?: string): void {
    const span = this.#rotation?.span;
    if (!span?.isRecording()) return;
    span.setAttribute(OUTCOME, outcome);
    if (errorType !== undefined) fail(span, errorType);
    span.end();
  }
}

function startSpan(name: string, parent: Context, startTime?: number): Span {
  return trace.getTracer(SCOPE).startSpan(name, startTime === undefined ? {} : { startTime }, parent);
}

function endWith(span: Span, error: unknown): void {
  fail(span, errorTypeOf(error));
  span.end();
}

/** The code alone: the message of a driver's error may name users and addresses. */
function fail(span: Span, errorType: string): void {
  span.setAttribute(ERROR_TYPE, errorType);
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorType });
}
