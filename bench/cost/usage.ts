import { assumed, type Fleet } from "./assumptions.ts";
import type { DeployedParts } from "./deployed-parts.ts";
import type { Usage } from "./prices.ts";

const SECONDS_PER_HOUR = 3_600;
const BYTES_PER_GIGABYTE = 1e9;
/** Handlers that each sign of a rotation goes to. */
const TARGETS_PER_SIGN = 3;
/** CONNECT, SUBSCRIBE, the retained notice, its PUBACK, and the report. */
const MESSAGES_PER_CONNECT = 5;
/** The notice, its PUBACK, and the report. */
const MESSAGES_PER_NOTICE = 3;
const BYTES_PER_READ = 4_000;

/** A month of services that read their secret every so often, and of nothing else. */
export function pollingUsage({ instances }: Fleet, intervalSeconds: number): Usage {
  const polls = (assumed("hoursPerMonth") * SECONDS_PER_HOUR) / intervalSeconds;
  return { secretsManagerCalls: instances * (polls + assumed("starts")) };
}

/** A month of Keyturn. Where something could be saved by batches, it is not. */
export function keyturnUsage(fleet: Fleet, parts: DeployedParts): Usage {
  const { instances, secrets } = fleet;
  const hours = assumed("hoursPerMonth");
  const rotations = secrets * assumed("rotations");
  const swaps = instances * assumed("rotations");
  const starts = instances * assumed("starts");
  const connects = starts + instances * assumed("reconnects");
  // An instance reports when it swaps and each time that it connects; what it repeats makes no event.
  const reports = swaps + connects;
  const newReports = swaps + starts;
  const customEvents = newReports + rotations * assumed("eventsPerRotation");
  const signs = rotations * assumed("signsPerRotation") * TARGETS_PER_SIGN;
  const messages = signs + reports + customEvents + hours;
  const instanceRowBytes = starts * assumed("instanceRowMonths") * assumed("rowBytes");

  return {
    secretsManagerCalls:
      instances * assumed("pollsWithChannel") +
      swaps * assumed("readsPerSwap") +
      connects +
      rotations * assumed("callsPerRotation") +
      // reconcile asks for each secret once a run at the most.
      secrets * hours,
    connectionMinutes: instances * hours * 60,
    // notify's own message, and retaining it.
    mqttMessages: connects * MESSAGES_PER_CONNECT + swaps * MESSAGES_PER_NOTICE + rotations * 2,
    rulesTriggered: reports,
    ruleActions: reports,
    queueRequests: messages * assumed("requestsPerMessage") + emptyReceives(parts),
    customEvents,
    invocations: messages,
    gigabyteSeconds: messages * (assumed("handlingMs") / 1_000) * assumed("memoryGigabytes"),
    // A repeated report renews its row; each event is counted once, by a row that says so.
    ledgerWrites:
      newReports * assumed("ledgerWritesPerReport") +
      (reports - newReports) +
      rotations * assumed("ledgerWritesPerRotation") +
      customEvents,
    ledgerReads:
      reports * assumed("ledgerReadsPerReport") +
      rotations * assumed("ledgerReadsPerRotation") +
      // reconcile looks at every instance's row in each run.
      (instanceRowBytes / BYTES_PER_READ) * hours,
    ledgerGigabytes:
      (instanceRowBytes + newReports * assumed("auditMonths") * assumed("rowBytes")) / BYTES_PER_GIGABYTE,
    metricMonths: metricHours(fleet) / hours,
    logGigabytes: (messages * assumed("logBytesPerMessage")) / BYTES_PER_GIGABYTE,
    alarmMetrics: parts.alarmMetrics,
    dashboards: parts.dashboards,
  };
}

/** Lambda polls also where there is nothing. */
function emptyReceives({ polledQueues }: DeployedParts): number {
  const perPoller = (assumed("hoursPerMonth") * SECONDS_PER_HOUR) / assumed("longPollSeconds");
  return polledQueues * assumed("pollersPerQueue") * perPoller;
}

/** A metric of a secret costs in the hours in which something is sent of it: at rotations, and when instances start. */
function metricHours({ services, secrets }: Fleet): number {
  const hours = assumed("hoursPerMonth");
  const atRotations = assumed("rotations") * assumed("metricsPerRotation") * assumed("hoursPerRotation");
  const atStarts = Math.min(hours, (services / secrets) * assumed("starts"));
  // reconcile counts what it looked at every hour.
  return secrets * (atRotations + atStarts) + hours;
}

/** What a key of one's own adds: one decryption for each read of a value. The few calls that read no value are counted too. */
export function withOwnKey(usage: Usage): Usage {
  return { ...usage, decryptions: usage.secretsManagerCalls ?? 0 };
}
