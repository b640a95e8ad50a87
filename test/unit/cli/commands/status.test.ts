import { expect, test } from "vitest";
import { showStatus } from "../../../../cli/src/commands/status.ts";
import type { KnownSecret, SecretView } from "../../../../shared/aws/ledger.ts";
import {
  instance,
  minutesAgo,
  NOW,
  OLD,
  rotation,
  SECRET_ARN,
  STAGE,
  secretView,
  taskArn,
} from "../fixtures.ts";
import { listen } from "../said.ts";

const GONE_ARN = SECRET_ARN.replace("orders", "billing");
const rejected = rotation({ secretArn: GONE_ARN, verdict: "rejected" });

const portsOf = (secrets: readonly KnownSecret[], views: Readonly<Record<string, SecretView>>) => ({
  ledger: {
    listSecrets: async function* () {
      yield* secrets;
    },
    readSecret: async (secretArn: string) => views[secretArn] ?? secretView(),
  },
  secrets: { find: async () => undefined },
  tasks: { ended: async () => new Set<string>() },
  suggest: STAGE.suggest,
  now: () => NOW,
});

const withGone = portsOf([rotation(), { ...rejected, goneSince: minutesAgo(60 * 24 * 3) }], {
  [GONE_ARN]: secretView({ secretArn: GONE_ARN, current: rejected, rotations: [rejected] }),
});

test("leaves out secrets that are gone, and what was not well with them", async () => {
  const said = listen();
  expect(await showStatus({}, withGone, said.say)).toBe(0);
  expect(said.out().join("\n")).not.toContain("billing");
});

test("shows secrets that are gone among all, as that", async () => {
  const said = listen();
  expect(await showStatus({ all: true }, withGone, said.say)).toBe(0);
  expect(said.out().find((line) => line.includes("billing"))).toMatch(/deleted, 3 d ago$/);
});

const neverRotated = (versions: readonly string[]) => {
  const { current: _, ...view } = secretView();
  const instances = versions.map((versionId, index) =>
    instance({ instanceId: taskArn(`${index}`), versionId, swappedAt: minutesAgo(60 - index) }),
  );
  return portsOf([{ secretArn: SECRET_ARN }], { [SECRET_ARN]: { ...view, rotations: [], instances } });
};

test("leaves out a secret of which nothing is known but its ARN, unless all are wanted", async () => {
  const said = listen();
  expect(await showStatus({}, neverRotated([]), said.say)).toBe(0);
  expect(said.out().join("\n")).not.toContain("orders/db");
  const all = listen();
  expect(await showStatus({ all: true }, neverRotated([]), all.say)).toBe(1);
  expect(all.out().join("\n")).toContain("orders/db");
});

test("shows a rotation whose row a crash left out, though nothing else is known of the secret", async () => {
  const { current: _, ...view } = secretView();
  const lost = { [SECRET_ARN]: { ...view, rotations: [], instances: [] } };
  expect(await showStatus({}, portsOf([rotation()], lost), listen().say)).toBe(1);
});

test("lists a secret that was never rotated, by the version that was taken up last", async () => {
  const said = listen();
  expect(await showStatus({}, neverRotated([OLD, OLD]), said.say)).toBe(0);
  expect(said.out()[1]).toMatch(/^orders\/db +11111111 .*2 of 2/);
  expect(await showStatus({}, neverRotated([OLD, rotation().versionId]), listen().say)).toBe(1);
});
