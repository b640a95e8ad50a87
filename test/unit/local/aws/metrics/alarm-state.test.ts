import { describe, expect, it } from "vitest";
import {
  type AlarmState,
  nextAlarmState,
  type PeriodResult,
} from "../../../../../local/aws/metrics/alarm-state.ts";

const results: Readonly<Record<string, PeriodResult>> = { "0": "ok", X: "breaching", "-": "missing" };

/** As AWS's documentation writes it: oldest first. */
function state(
  data: string,
  datapointsToAlarm: number,
  treatMissingData: "missing" | "ignore" | "breaching" | "notBreaching",
) {
  const periods = [...data].map((sign) => results[sign] ?? "missing").reverse();
  // A state that evaluation never gives by itself shows what is retained.
  return nextAlarmState(
    { evaluationPeriods: 3, datapointsToAlarm, treatMissingData },
    periods,
    "RETAINED" as AlarmState,
  );
}

const columns = ["missing", "ignore", "breaching", "notBreaching"] as const;

// The tables at https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
describe("alarm state with missing data", () => {
  it.each([
    ["0-X-X", ["OK", "OK", "OK", "OK"]],
    ["----0", ["OK", "OK", "OK", "OK"]],
    ["-----", ["INSUFFICIENT_DATA", "RETAINED", "ALARM", "OK"]],
    ["0XX-X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["--X--", ["ALARM", "RETAINED", "ALARM", "OK"]],
    ["----X", ["OK", "RETAINED", "ALARM", "OK"]],
  ])("3 out of 3: %s", (data, expected) => {
    expect(columns.map((column) => state(data, 3, column))).toEqual(expected);
  });

  it.each([
    ["0-X-X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["00X0X", ["ALARM", "ALARM", "ALARM", "ALARM"]],
    ["0-X--", ["OK", "OK", "ALARM", "OK"]],
    ["----0", ["OK", "OK", "ALARM", "OK"]],
    ["---X-", ["ALARM", "RETAINED", "ALARM", "OK"]],
  ])("2 out of 3: %s", (data, expected) => {
    expect(columns.map((column) => state(data, 2, column))).toEqual(expected);
  });
});
