import * as z from "zod/mini";

const Dimensions = z.optional(
  z
    .array(z.object({ Name: z.string().check(z.minLength(1)), Value: z.string().check(z.minLength(1)) }))
    .check(z.maxLength(30)),
);
const Name = z.string().check(z.minLength(1), z.maxLength(255));

/** Inputs of the CloudWatch operations. Times are seconds since 1970. */
export const metricInputs = {
  PutMetricData: z.object({
    Namespace: Name,
    MetricData: z
      .array(
        z.object({
          MetricName: Name,
          Dimensions,
          Timestamp: z.optional(z.number()),
          Value: z.optional(z.number()),
          Values: z.optional(z.array(z.number()).check(z.maxLength(150))),
          Counts: z.optional(z.array(z.number())),
          StatisticValues: z.optional(
            z.object({ SampleCount: z.number(), Sum: z.number(), Minimum: z.number(), Maximum: z.number() }),
          ),
        }),
      )
      .check(z.maxLength(1000)),
  }),
  GetMetricData: z.object({
    StartTime: z.number(),
    EndTime: z.number(),
    ScanBy: z.optional(z.enum(["TimestampAscending", "TimestampDescending"])),
    MetricDataQueries: z
      .array(
        z.object({
          Id: z.string().check(z.regex(/^[a-z]\w*$/)),
          Label: z.optional(z.string()),
          ReturnData: z.optional(z.boolean()),
          Expression: z.optional(z.string()),
          MetricStat: z.optional(
            z.object({
              Metric: z.object({ Namespace: Name, MetricName: Name, Dimensions }),
              Period: z.int().check(z.gte(1)),
              Stat: z.string(),
            }),
          ),
        }),
      )
      .check(z.minLength(1), z.maxLength(500)),
  }),
  ListMetrics: z.object({
    Namespace: z.optional(Name),
    MetricName: z.optional(Name),
    Dimensions: z.optional(z.array(z.object({ Name: z.string(), Value: z.optional(z.string()) }))),
  }),
  DescribeAlarms: z.object({
    AlarmNames: z.optional(z.array(Name)),
    AlarmNamePrefix: z.optional(z.string()),
    StateValue: z.optional(z.enum(["OK", "ALARM", "INSUFFICIENT_DATA"])),
  }),
  SetAlarmState: z.object({
    AlarmName: Name,
    StateValue: z.enum(["OK", "ALARM", "INSUFFICIENT_DATA"]),
    StateReason: z.string(),
  }),
} as const;
