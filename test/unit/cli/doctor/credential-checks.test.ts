import { expect, test } from "vitest";
import type { Account, FunctionSummary } from "../../../../cli/src/aws/account.ts";
import {
  checkCredentials,
  checkVerifyNetwork,
  readCurrent,
} from "../../../../cli/src/doctor/credential-checks.ts";
import type { RotationView, Verdict } from "../../../../shared/aws/ledger.ts";
import { minutesAgo, NOW, rotation, STAGE, secretView } from "../fixtures.ts";

const states = (findings: readonly { readonly state: string }[]) => findings.map(({ state }) => state);
const VPC = { vpcId: "vpc-1", subnetIds: ["subnet-1", "subnet-2"], securityGroupIds: ["sg-1"] };
const account = (verify: Partial<FunctionSummary> = {}): Account => ({
  caller: async () => "arn:aws:iam::000000000000:user/ops",
  stack: async () => undefined,
  function: async () => ({ fedBy: [], ...verify }),
  drift: async () => "IN_SYNC",
});
/** A rotation of which nobody has tried the credential. */
const undecided = (minutes: number): RotationView => {
  const { verdict: _, decidedAt: __, ...rest } = rotation({ currentSince: minutesAgo(minutes) });
  return rest;
};

test("the newest versions are read of every secret that the ledger lists and that is there", async () => {
  const current = rotation();
  const ledger = {
    listSecrets: async function* () {
      yield current;
      yield current;
      yield { ...current, goneSince: minutesAgo(60) };
    },
    readSecret: async () => secretView({ current }),
  };
  expect(await readCurrent(ledger)).toEqual([current, current]);
});

test.each<[Verdict, string[]]>([
  ["accepted", ["ok"]],
  ["rejected", ["ok", "failed"]],
  ["unverifiable", ["ok", "attention"]],
  ["unreachable", ["ok", "failed"]],
])("a newest version that is %s gives %j", (verdict, expected) => {
  expect(states(checkCredentials([rotation({ verdict })], STAGE))).toEqual(expected);
});

test("where verify runs is told, and the newest login that a store answered", async () => {
  const older = rotation({ decidedAt: minutesAgo(60), verdict: "rejected" });
  const newest = rotation({ decidedAt: minutesAgo(2) });
  const inVpc = await checkVerifyNetwork(account({ vpc: VPC }), [older, newest], STAGE, NOW);
  expect(states(inVpc)).toEqual(["ok", "ok"]);
  expect(inVpc[0]?.found).toBe("verify runs in vpc-1, subnet-1, subnet-2, with sg-1");
  expect(inVpc[1]?.found).toContain(minutesAgo(2));
  expect((await checkVerifyNetwork(account(), [newest], STAGE, NOW))[0]?.found).toContain(
    "outside of any VPC",
  );
  expect(states(await checkVerifyNetwork(undefined, [newest], STAGE, NOW))).toEqual(["skipped"]);
});

test("without any login it is said that nobody can tell, and in a VPC what is needed", async () => {
  const unreachable = rotation({ verdict: "unreachable" });
  const [, untold] = await checkVerifyNetwork(account({ vpc: VPC }), [unreachable], STAGE, NOW);
  expect(untold).toMatchObject({ state: "skipped", found: expect.stringContaining("NAT gateway") });
  const [, outside] = await checkVerifyNetwork(account(), [], STAGE, NOW);
  expect(outside?.found).not.toContain("NAT gateway");
});

test("a rotation that has had no verdict for longer than verify tries speaks against its network", async () => {
  const findings = await checkVerifyNetwork(account({ vpc: VPC }), [rotation(), undecided(31)], STAGE, NOW);
  expect(states(findings)).toEqual(["ok", "failed"]);
  expect(findings[1]?.found).toContain("1 secret got no verdict within 30 minutes, such as orders/db");
  expect(findings[1]?.remedy).toContain("endpoints for secretsmanager, events, rds and dynamodb");
  expect(states(await checkVerifyNetwork(account(), [rotation(), undecided(29)], STAGE, NOW))).toEqual([
    "ok",
    "ok",
  ]);
});
