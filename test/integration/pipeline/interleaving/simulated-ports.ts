import type { DynamoDBClient, UpdateItemCommandOutput } from "@aws-sdk/client-dynamodb";
import type { CurrentLabel } from "../../../../shared/aws/current-label.ts";
import { createLedger } from "../../../../shared/aws/dynamodb-ledger.ts";
import type { EcsServices } from "../../../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../../../shared/aws/event-bus.ts";
import { createLedgerTable, type LedgerTable } from "../../../../shared/aws/ledger/ledger-table.ts";
import { createRestores } from "../../../../shared/aws/ledger/restore-rows.ts";
import type { Ledger, RotationKey } from "../../../../shared/aws/ledger.ts";
import type { Notices } from "../../../../shared/aws/notices.ts";
import { createRedeploySlots } from "../../../../shared/aws/redeploy-slots.ts";
import { createRedeployTurns } from "../../../../shared/aws/redeploy-turns.ts";
import type { Secrets } from "../../../../shared/aws/secrets.ts";
import type { LoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import type { HandlerRun } from "./handler-run.ts";
import { DEADLINE_MS, type SimulatedWorld } from "./simulated-world.ts";

/** Of every function. What must outlast a handler that crashed is longer. */
export const TIMEOUT_MS = 30_000;

/** For deployments at a time. */
export const PLACES = 1;

type Call = <T>(name: string, effect: () => T | Promise<T>) => Promise<T>;

/** The ports of one run of a handler, which stops after each call on them. The ledger is the real one. */
export function createPorts(world: SimulatedWorld, run: HandlerRun) {
  const call: Call = (name, effect) =>
    run.call(name, async () => {
      world.calls += 1;
      world.note(`${run.name} ${name}`);
      return effect();
    });
  const client = stoppingAtEachRequest(world, call);
  const ledger = createLedger(client, world.tableName, world.now);
  let handled: RotationKey | undefined;

  const secrets: Secrets = {
    describe: (_, isSettled) =>
      call("DescribeSecret", () => {
        const facts = world.secret.describe(world.now());
        return isSettled(facts) ? facts : world.secret.describe(world.now());
      }),
    read: (_, versionId) => call("GetSecretValue", () => new Redacted(versionId)),
  };
  const bus: EventBus = {
    publish: (event) => call(`PutEvents ${event.type}`, () => world.publish(event)),
  };
  const notices: Notices = {
    publish: (notice) => call("Publish", () => void world.notices.push(notice)),
  };
  const probe: LoginProbe = {
    login: (secret) => call("login", () => world.secret.login(secret.reveal())),
  };
  const ecs: EcsServices = {
    findUsing: () => call("DescribeServices", () => world.ecs.findUsing()),
    knows: () => true,
    forceNewDeployment: ({ serviceArn }) =>
      call(`UpdateService ${serviceArn.split("/").at(-1)}`, () => {
        if (handled) {
          const truth = world.secret.truths.get(handled.versionId);
          const besides = world.ecs.countForced(serviceArn, world.now());
          world.forced.push({ ...handled, serviceArn, at: world.now(), truth, besides });
        }
        return world.ecs.forceNewDeployment(serviceArn, world.now());
      }),
    findDeployment: (serviceArn) =>
      call(
        "DescribeServices",
        () =>
          world.ecs.findUsing().services.find((service) => service.serviceArn === serviceArn)
            ?.primaryDeployment,
      ),
  };
  const table = createLedgerTable(client, world.tableName, world.now);
  return {
    secrets,
    bus,
    notices,
    probe,
    ecs,
    ledger: {
      ...ledger,
      openRotation: async (rotation) => {
        const { secretArn, versionId, currentSince, ...known } = await ledger.openRotation(rotation);
        handled = { secretArn, versionId, currentSince };
        return { ...handled, ...known };
      },
    } satisfies Ledger,
    restores: createRestores(client, world.tableName),
    restoreLeaseMs: TIMEOUT_MS,
    label: {
      move: (_, from, to) => call("UpdateSecretVersionStage", () => world.restore(from, to)),
    } satisfies CurrentLabel,
    databases: { find: async () => undefined },
    taggedHosts: undefined,
    pause: (ms: number) =>
      call("pause", () => {
        world.nowMs += ms;
      }),
    propagationAllowanceMs: 4_000,
    maxReceiveCount: 3,
    turns: createRedeployTurns(table),
    slots: createRedeploySlots(ofWorld(world, table), PLACES),
    now: world.now,
    deadlineMs: DEADLINE_MS,
    claimLeaseMs: 2 * TIMEOUT_MS,
    minIntervalMs: 2 * TIMEOUT_MS,
    mayRedeployUnverified: false,
    silentAfterMs: 86_400_000,
    dryRun: false,
  };
}

/** The places for deployments are a stage's: each world has its own. */
function ofWorld({ secret }: SimulatedWorld, table: LedgerTable): Pick<LedgerTable, "update" | "list"> {
  const partition = (pk: string) => `${pk}#${secret.secretArn}`;
  return {
    update: ({ pk, sk }, change) => table.update({ pk: partition(pk), sk }, change),
    list: (pk, from) => table.list(partition(pk), from),
  };
}

/** Each request to DynamoDB is a call of its own: what a port does in two of them can break in between. */
function stoppingAtEachRequest(world: SimulatedWorld, call: Call): DynamoDBClient {
  const { client } = world;
  const send = async (command: Parameters<DynamoDBClient["send"]>[0]) =>
    call(command.constructor.name.replace("Command", ""), async () => {
      const output = await client.send(command);
      watch(world, output as UpdateItemCommandOutput);
      return output;
    });
  return new Proxy(client, {
    get: (target, name) => (name === "send" ? send : Reflect.get(target, name, target)),
  });
}

function watch(world: SimulatedWorld, { Attributes: row }: UpdateItemCommandOutput): void {
  const { pk, sk, instanceId, versionId, swappedAt, currentSince } = row ?? {};
  if (pk?.S === "SECRETS" && currentSince?.S) world.newestSince.push(currentSince.S);
  if (!sk?.S?.startsWith("INSTANCE#") || !instanceId?.S || !versionId?.S || !swappedAt?.S) return;
  world.instanceWrites.push({ instanceId: instanceId.S, versionId: versionId.S, swappedAt: swappedAt.S });
}
