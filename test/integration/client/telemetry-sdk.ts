import { type Attributes, context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach } from "vitest";

export interface Point {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  readonly value: number | Histogram;
}

/** OpenTelemetry's own SDK, new for each test, which exports to memory. Call it once at the top of a test file. */
export function setUpTelemetry() {
  let metricExporter: InMemoryMetricExporter;
  let reader: PeriodicExportingMetricReader;
  let spanExporter: InMemorySpanExporter;
  let stop: () => Promise<unknown>;

  beforeEach(() => {
    metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    // Collects when it is told to, and not by itself.
    reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
    spanExporter = new InMemorySpanExporter();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const tracerProvider = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })],
    });
    metrics.setGlobalMeterProvider(meterProvider);
    trace.setGlobalTracerProvider(tracerProvider);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    stop = () => Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()]);
  });
  afterEach(async () => {
    await stop();
    for (const api of [metrics, trace, context]) api.disable();
  });

  const collect = async (): Promise<Point[]> => {
    metricExporter.reset();
    await reader.forceFlush();
    return metricExporter.getMetrics().flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap((scope) =>
        scope.metrics.flatMap(({ descriptor: { name, unit }, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => ({
            name,
            unit,
            attributes,
            value: value as Point["value"],
          })),
        ),
      ),
    );
  };
  return {
    collect,
    /** What is reported now of one metric, by the attributes that tell its points apart. */
    async read(name: string, attributes: Attributes = {}): Promise<Point["value"][]> {
      const isMeant = (point: Point) =>
        point.name === name &&
        Object.entries(attributes).every(([key, value]) => point.attributes[key] === value);
      return (await collect()).filter(isMeant).map(({ value }) => value);
    },
    /** Spans that have ended, in the order in which they did. */
    spans: () => spanExporter.getFinishedSpans(),
  };
}
