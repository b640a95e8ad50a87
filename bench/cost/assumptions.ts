/** What the fleet does in a month. Each figure with what it means, as docs/cost.md prints it. */
export const ASSUMPTIONS = {
  hoursPerMonth: [730, "hours in a month"],
  instancesPerService: [10, "instances of a service"],
  instancesPerSecret: [50, "instances that follow a secret; each follows one"],
  rotations: [4, "rotations of each secret, one a week"],
  starts: [20, "starts of each instance: deployments and scaling, one each working day"],
  reconnects: [30, "reconnects of each instance: IoT Core closes a connection after 24 hours"],
  pollsWithChannel: [730, "polls of each instance whose channel stands, one an hour: Keyturn's safety net"],
  readsPerSwap: [2, "reads of the secret for each swap"],
  signsPerRotation: [2, "signs of each rotation, the native event and CloudTrail's"],
  eventsPerRotation: [6, "events of Keyturn's own for each rotation, beside one for each instance"],
  callsPerRotation: [8, "calls of the handlers to Secrets Manager for each rotation"],
  ledgerWritesPerReport: [3, "writes to the ledger for each report that tells something new"],
  ledgerReadsPerReport: [3, "reads from the ledger for each report"],
  ledgerWritesPerRotation: [30, "writes to the ledger for each rotation"],
  ledgerReadsPerRotation: [60, "reads from the ledger for each rotation"],
  rowBytes: [600, "bytes of a row in the ledger"],
  instanceRowMonths: [1, "months that an instance's row is kept"],
  auditMonths: [13, "months that the audit trail is kept"],
  pollersPerQueue: [5, "long polls that Lambda holds open on a queue"],
  longPollSeconds: [20, "seconds of a long poll that finds nothing"],
  requestsPerMessage: [3, "requests to SQS for each message: send, receive, delete"],
  handlingMs: [100, "milliseconds of a function for each message; no two messages share an invocation"],
  memoryGigabytes: [0.25, "gigabytes of a function's memory"],
  logBytesPerMessage: [1_500, "bytes logged for each message"],
  metricsPerRotation: [8, "metrics of a secret that a rotation sends"],
  hoursPerRotation: [2, "hours in which it sends them"],
} as const satisfies Record<string, readonly [amount: number, meaning: string]>;

/** The amount alone. */
export function assumed(name: keyof typeof ASSUMPTIONS): number {
  return ASSUMPTIONS[name][0];
}

export interface Fleet {
  readonly instances: number;
  readonly services: number;
  readonly secrets: number;
}

export function fleetOf(instances: number): Fleet {
  return {
    instances,
    services: Math.max(1, Math.round(instances / assumed("instancesPerService"))),
    secrets: Math.max(1, Math.round(instances / assumed("instancesPerSecret"))),
  };
}
