import { expect, test } from "vitest";
import { mayOvertake } from "../../../../shared/aws/ledger/decision-rows.ts";

/** By what was known of the credential: nothing, that it is refused, that it is good. */
const byKnowledge = [
  ["credential-unverifiable", "credential-unreachable"],
  ["credential-rejected"],
  ["other-credential-rejected", "waited-too-long", "dry-run"],
];
const all = byKnowledge.flatMap((reasons, known) => reasons.map((reason) => ({ reason, known })));

test.each(all)("$reason gives way to what stands for good, and to itself never", ({ reason }) => {
  for (const good of ["redeploy", "deployment-failed", "secret-pinned", "no-longer-behind"])
    expect([mayOvertake(good, reason), mayOvertake(reason, good)]).toEqual([true, false]);
  expect(mayOvertake(reason, reason)).toBe(false);
});

test.each(all)(
  "$reason gives way to another reason for now, unless less was known then",
  ({ reason, known }) => {
    for (const other of all.filter((one) => one.reason !== reason))
      expect(mayOvertake(other.reason, reason), other.reason).toBe(other.known >= known);
  },
);
