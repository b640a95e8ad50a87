import type { Connection } from "../aws/connection.ts";
import { checkAlarms } from "../doctor/alarm-checks.ts";
import { checkCredentials, checkVerifyNetwork, readCurrent } from "../doctor/credential-checks.ts";
import { checkChannel, checkDelivery, type Patience } from "../doctor/delivery-checks.ts";
import { type Check, type Finding, runCheck } from "../doctor/finding.ts";
import {
  checkAccount,
  checkFunctions,
  checkQueues,
  checkRoles,
  checkRules,
  checkStack,
} from "../doctor/stage-checks.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatFindings } from "../format/findings.ts";
import type { Stage } from "../place/place.ts";
import type { Say } from "./say.ts";

export type DoctorPorts = Pick<
  Connection,
  "account" | "alarms" | "channel" | "deadLetters" | "ledger" | "probe" | "rules" | "topics"
> &
  Patience;

/** Looks at everything that a rotation needs, and says what to mend. @returns 1 where anything is not well */
export async function examineStage(stage: Stage, ports: DoctorPorts, say: Say): Promise<ExitCode> {
  const { account, alarms, channel, deadLetters, ledger, now, probe, rules, topics } = ports;
  // Two checks go by it; each of them says so where it cannot be read.
  let reading: ReturnType<typeof readCurrent> | undefined;
  const current = () => {
    reading ??= readCurrent(ledger);
    return reading;
  };
  const checks: readonly Check[] = [
    { name: "credentials", run: () => checkAccount(account) },
    { name: "stack", run: () => checkStack(account, stage) },
    { name: "event rules", run: () => checkRules(rules, stage) },
    { name: "queues", run: () => checkQueues(deadLetters, stage) },
    { name: "functions", run: () => checkFunctions(account, stage) },
    { name: "functions' permissions", run: () => checkRoles(account, stage) },
    { name: "event delivery", run: () => checkDelivery(probe, ports, stage.names) },
    { name: "ledger", run: async () => checkCredentials(await current(), stage) },
    { name: "channel", run: () => checkChannel(channel(), stage.names) },
    {
      name: "verify's network",
      run: async () => checkVerifyNetwork(account, await current(), stage, now()),
    },
    { name: "alarms", run: () => checkAlarms(alarms, stage, topics) },
  ];
  const findings: Finding[] = [];
  for (const check of checks) {
    say.progress(`Looking at ${check.name} …`);
    findings.push(...(await runCheck(check)));
  }
  const isWell = findings.every(({ state }) => state === "ok" || state === "skipped");
  say.result({ stage: stage.names.stage, isWell, findings }, () => formatFindings(findings));
  return isWell ? EXIT.ok : EXIT.notWell;
}
