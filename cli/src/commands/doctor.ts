import type { Connection } from "../aws/connection.ts";
import { checkChannel, checkDelivery, type Patience } from "../doctor/delivery-checks.ts";
import { type Check, type Finding, runCheck } from "../doctor/finding.ts";
import {
  checkAccount,
  checkAlarms,
  checkFunctions,
  checkLedger,
  checkQueues,
  checkRules,
  checkStack,
  checkVerify,
} from "../doctor/stage-checks.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatFindings } from "../format/findings.ts";
import type { StageNames } from "../place/stage-names.ts";
import type { Say } from "./say.ts";

export type DoctorPorts = Pick<
  Connection,
  "account" | "alarms" | "channel" | "deadLetters" | "ledger" | "probe" | "rules"
> &
  Patience;

/** Looks at everything that a rotation needs, and says what to mend. @returns 1 where anything is not well */
export async function examineStage(names: StageNames, ports: DoctorPorts, say: Say): Promise<ExitCode> {
  const { account, alarms, channel, deadLetters, ledger, probe, rules } = ports;
  const checks: readonly Check[] = [
    { name: "credentials", run: () => checkAccount(account) },
    { name: "stack", run: () => checkStack(account, names) },
    { name: "event rules", run: () => checkRules(rules, names) },
    { name: "queues", run: () => checkQueues(deadLetters, names) },
    { name: "functions", run: () => checkFunctions(account, names) },
    { name: "event delivery", run: () => checkDelivery(probe, ports, names) },
    { name: "ledger", run: () => checkLedger(ledger) },
    { name: "channel", run: () => checkChannel(channel(), names) },
    { name: "verify's network", run: () => checkVerify(account, names) },
    { name: "alarms", run: () => checkAlarms(alarms, names, account !== undefined) },
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    say.progress(`Looking at ${check.name} …`);
    findings.push(...(await runCheck(check)));
  }
  const isWell = findings.every(({ state }) => state === "ok" || state === "skipped");
  say.result({ stage: names.stage, isWell, findings }, () => formatFindings(findings));
  return isWell ? EXIT.ok : EXIT.notWell;
}
