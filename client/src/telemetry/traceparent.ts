import { type Context, isSpanContextValid, ROOT_CONTEXT, trace } from "@opentelemetry/api";

/** `VERSION-TRACE_ID-PARENT_ID-FLAGS`: https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

/**
 * The context in which to go on with a trace from elsewhere; a new trace's where there is none that is valid. Read
 * here, since the application's propagator may be one of another format.
 */
export function contextOf(traceparent: string | undefined): Context {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
}
