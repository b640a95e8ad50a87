import type { SecretSummary } from "../../../../cli/src/aws/secrets.ts";
import { type RotateOptions, type RotatePorts, rotateSecret } from "../../../../cli/src/commands/rotate.ts";
import type { SecretView } from "../../../../shared/aws/ledger.ts";
import { instance, NEW, NOW, OLD, rotation, SECRET_ARN, STAGE, secretView } from "../fixtures.ts";
import { listen } from "../said.ts";

export const settled = (versionId = OLD): SecretView => {
  const current = rotation({ versionId, currentSince: "2026-11-01T00:00:00.000Z" });
  return secretView({ current, rotations: [current], instances: [instance({ versionId })] });
};

export interface Scene {
  readonly ports: RotatePorts;
  /** What was asked of Secrets Manager. */
  readonly asked: string[];
}

/** The ledger shows one view after the other, at each look the next; the last one stays. */
export function createScene(views: readonly SecretView[], secret: Partial<SecretSummary> = {}): Scene {
  const asked: string[] = [];
  let look = 0;
  let at = NOW.getTime();
  const view = () => views[Math.min(look, views.length - 1)] ?? secretView();
  const summary = { secretArn: SECRET_ARN, currentVersionId: OLD, canRotate: true, ...secret };
  return {
    asked,
    ports: {
      ...STAGE,
      ledger: {
        readSecret: async () => {
          const shown = view();
          look += 1;
          return shown;
        },
        listSecrets: async function* () {
          yield { secretArn: SECRET_ARN, versionId: OLD, currentSince: NOW.toISOString() };
        },
        readHistory: async () => [
          { at: NOW.toISOString(), versionId: NEW, what: "noticed" },
          { at: NOW.toISOString(), versionId: OLD, what: "noticed" },
        ],
      },
      secrets: {
        find: async (id) => (id === "nope" ? undefined : summary),
        rotate: async () => {
          asked.push("rotate");
          return NEW;
        },
        put: async (_arn, value) => {
          asked.push(`put ${value.reveal()}`);
          return NEW;
        },
      },
      tasks: { ended: async () => new Set() },
      deadline: { read: async () => 60_000 },
      now: () => new Date(at),
      pause: async (ms) => {
        at += ms;
      },
    },
  };
}

export const wait = { timeoutMs: 10_000, intervalMs: 1_000 };
export const rotate = async (scene: Scene, options: Partial<RotateOptions> = {}, asJson = false) => {
  const said = listen(asJson);
  const exitCode = await rotateSecret({ secretId: "orders/db", ...options }, scene.ports, said.say);
  return { exitCode, out: said.out(), err: said.err() };
};
