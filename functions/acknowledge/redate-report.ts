import type { Report } from "../../shared/contract/report.ts";

/** A report, and whether its own time gave way to that of its arrival. */
export type DatedReport = Report & { readonly isRedated?: boolean };

/** How far an instance's clock may be ahead. A report from further ahead would keep out all that come after it. */
const CLOCK_ALLOWANCE_MS = 60_000;

/**
 * What an instance says of the future happened when the report arrived.
 *
 * @param arrivedAt the same at each delivery of the message, so that a repeated one stays the same report
 */
export function redateReport(report: Report, arrivedAt: Date): DatedReport {
  const aheadMs = Date.parse(report.occurredAt) - arrivedAt.getTime();
  return aheadMs > CLOCK_ALLOWANCE_MS
    ? { ...report, occurredAt: arrivedAt.toISOString(), isRedated: true }
    : report;
}
