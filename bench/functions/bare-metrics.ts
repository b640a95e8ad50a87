/** Takes the place of `@aws-lambda-powertools/metrics` in the bare variant. */
export const MetricUnit = { Count: "Count", Milliseconds: "Milliseconds", Seconds: "Seconds" } as const;

interface MetricsOptions {
  readonly namespace: string;
  readonly defaultDimensions?: Readonly<Record<string, string>>;
}

/** Writes what was added as one line in CloudWatch's embedded metric format. */
export class Metrics {
  readonly #options: MetricsOptions;
  #added: { Name: string; Unit: string; value: number }[] = [];
  #dimensionSets: Readonly<Record<string, string>>[] = [];
  #metadata: Record<string, unknown> = {};

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  addMetric(Name: string, Unit: string, value: number): void {
    this.#added.push({ Name, Unit, value });
  }

  addDimensions(dimensions: Readonly<Record<string, string>>): this {
    this.#dimensionSets.push(dimensions);
    return this;
  }

  addMetadata(name: string, value: unknown): void {
    this.#metadata[name] = value;
  }

  publishStoredMetrics(): void {
    const [added, metadata] = [this.#added, this.#metadata];
    const sets = this.#dimensionSets.length > 0 ? this.#dimensionSets : [{}];
    [this.#added, this.#dimensionSets, this.#metadata] = [[], [], {}];
    if (added.length === 0) return;
    const { namespace, defaultDimensions = {} } = this.#options;
    console.log(
      JSON.stringify({
        _aws: {
          Timestamp: Date.now(),
          CloudWatchMetrics: [
            {
              Namespace: namespace,
              Dimensions: sets.map((set) => Object.keys({ ...defaultDimensions, ...set })),
              Metrics: added.map(({ Name, Unit }) => ({ Name, Unit })),
            },
          ],
        },
        ...metadata,
        ...defaultDimensions,
        ...Object.assign({}, ...sets),
        ...Object.fromEntries(added.map(({ Name, value }) => [Name, value])),
      }),
    );
  }
}
