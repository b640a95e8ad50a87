import type { DynamoDBClient, UpdateItemCommandOutput } from "@aws-sdk/client-dynamodb";
import type { CurrentLabel } from "../../../../shared/aws/current-label.ts";
import { createLedger } from "../../../../shared/aws/dynamodb-ledger.ts";
import { type EcsServices, SearchUnfinishedError } from "../../../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../../../shared/aws/event-bus.ts";
import { createLedgerTable, type LedgerTable, type Row } from "../../../../shared/aws/ledger/ledger-table.ts";
import { createRestores } from "../../../../shared/aws/ledger/restore-rows.ts";
import type { RotationKey } from "../../../../shared/aws/ledger.ts";
import type { Notices } from "../../../../shared/aws/notices.ts";
import { createRedeploySlots } from "../../../../shared/aws/redeploy-slots.ts";
import { createRedeployTurns } from "../../../../shared/aws/redeploy-turns.ts";
import type { Secrets } from "../../../../shared/aws/secrets.ts";
import type { LoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import type { HandlerRun } from "./handler-run.ts";
import { MAX_RECEIVE_COUNT } from "./message-queues.ts";
import { DEADLINE_MS, type ForcedDeployment, type SimulatedWorld } from "./simulated-world.ts";

/** Of every function. What must outlast a handler that crashed is longer. */
export const TIMEOUT_MS = 30_000;

/** For deployments at a time. */
export const PLACES = 1;

type Call = <T>(name: string, effect: () => T | Promise<T>, isRepeatable?: boolean) => Promise<T>;

/** What a handler has looked at and claimed so far, for the invariants: after how many calls of all handlers. */
interface Progress {
  lookedAtEcs: number;
  claimedRestore: number;
  /** What it may deploy each service for. */
  readonly claimed: Map<string, RotationKey>;
}

/** The ports of one run of a handler, which stops after each call on them. The ledger is the real one. */
export function createPorts(world: SimulatedWorld, run: HandlerRun) {
  const call: Call = (name, effect, isRepeatable) =>
    run.call(
      name,
      async () => {
        world.calls += 1;
        world.note(`${run.name} ${name}`);
        return effect();
      },
      isRepeatable,
    );
  const progress: Progress = { lookedAtEcs: 0, claimedRestore: 0, claimed: new Map() };
  const client = stoppingAtEachRequest(world, call, (row) => watch(world, run, progress, row));
  const ledger = createLedger(client, world.tableName, world.now);

  const secrets: Secrets = {
    describe: (secretArn, isSettled) =>
      call("DescribeSecret", () => {
        const secret = world.secret(secretArn);
        const facts = secret.describe(world.now());
        return isSettled(facts) ? facts : secret.describe(world.now());
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
    login: (secret) => call("login", () => world.secret(secret.reveal()).login(secret.reveal())),
  };
  const ecs: EcsServices = {
    findUsing: ({ secretArn }) =>
      call("DescribeServices", () => {
        progress.lookedAtEcs = world.calls;
        if (world.unfinishedSearches > 0) {
          world.unfinishedSearches -= 1;
          throw new SearchUnfinishedError("There was no time");
        }
        return world.ecs.findUsing(secretArn);
      }),
    knows: () => true,
    forceNewDeployment: ({ serviceArn }) => {
      const deploy = () => {
        const deploymentId = world.ecs.forceNewDeployment(serviceArn, world.now());
        world.forced.push(describeForced(world, progress, serviceArn));
        return deploymentId;
      };
      // One whose answer is lost is not repeated: ECS would deploy twice.
      return call(`UpdateService ${serviceArn.split("/").at(-1)}`, deploy, false);
    },
    findDeployment: (serviceArn) =>
      call(
        "DescribeServices",
        () => world.ecs.services.find((service) => service.serviceArn === serviceArn)?.deployment,
      ),
  };
  const table = createLedgerTable(client, world.tableName, world.now);
  return {
    secrets,
    bus,
    notices,
    probe,
    ecs,
    ledger,
    restores: createRestores(client, world.tableName),
    restoreLeaseMs: TIMEOUT_MS,
    label: {
      move: (_, from, to) =>
        call("UpdateSecretVersionStage", () => world.restore(from, to, progress.claimedRestore)),
      // No version of a world has AWSPENDING.
      removePending: async () => undefined,
    } satisfies CurrentLabel,
    databases: { find: async () => undefined },
    taggedHosts: undefined,
    pause: (ms: number) =>
      call("pause", () => {
        world.nowMs += ms;
      }),
    propagationAllowanceMs: 4_000,
    maxReceiveCount: MAX_RECEIVE_COUNT,
    turns: createRedeployTurns(table),
    slots: createRedeploySlots(ofWorld(world, table), PLACES),
    now: world.now,
    deadlineMs: DEADLINE_MS,
    actingBudgetMs: 0.75 * TIMEOUT_MS,
    claimLeaseMs: 2 * TIMEOUT_MS,
    minIntervalMs: 2 * TIMEOUT_MS,
    mayRedeployUnverified: false,
    silentAfterMs: 86_400_000,
    dryRun: world.dryRun,
  };
}

/** Of a deployment that was forced without a claim: no store has said anything of its credential. */
const NOBODY: RotationKey = { secretArn: "nobody", versionId: "none", currentSince: "" };

/** A deployment, as it is forced. */
function describeForced(
  world: SimulatedWorld,
  { claimed, lookedAtEcs }: Progress,
  serviceArn: string,
): ForcedDeployment {
  const rotation = claimed.get(serviceArn) ?? NOBODY;
  const uses = world.ecs.services.find((service) => service.serviceArn === serviceArn)?.uses.keys() ?? [];
  const refused = [...uses]
    .map((secretArn) => world.secret(secretArn))
    .filter(
      (secret) =>
        secret.truths.get(secret.current.versionId) === "rejected" &&
        world.verdictAt(lookedAtEcs, secret) === "rejected",
    )
    .map(({ current }) => current.versionId);
  const truth =
    rotation === NOBODY ? undefined : world.secret(rotation.secretArn).truths.get(rotation.versionId);
  const besides = world.ecs.countForced(serviceArn, world.now());
  return { ...rotation, serviceArn, at: world.now(), truth, besides, refused };
}

/** The places for deployments are a stage's: each world has its own. */
function ofWorld({ name }: SimulatedWorld, table: LedgerTable): Pick<LedgerTable, "update" | "list"> {
  const partition = (pk: string) => `${pk}#${name}`;
  return {
    update: ({ pk, sk }, change) => table.update({ pk: partition(pk), sk }, change),
    list: (pk, from) => table.list(partition(pk), from),
  };
}

/** Each request to DynamoDB is a call of its own: what a port does in two of them can break in between. */
function stoppingAtEachRequest(
  world: SimulatedWorld,
  call: Call,
  onWritten: (row: Row) => void,
): DynamoDBClient {
  const { client } = world;
  const send = async (command: Parameters<DynamoDBClient["send"]>[0]) =>
    call(command.constructor.name.replace("Command", ""), async () => {
      const output = await client.send(command);
      const { Attributes: row = {} } = output as UpdateItemCommandOutput;
      onWritten(Object.fromEntries(Object.entries(row).map(([name, { S = "" }]) => [name, S])));
      return output;
    });
  return new Proxy(client, {
    get: (target, name) => (name === "send" ? send : Reflect.get(target, name, target)),
  });
}

/** Remembers what was written for the invariants. */
function watch(world: SimulatedWorld, { name }: HandlerRun, progress: Progress, row: Row): void {
  const { pk = "", sk = "", secretArn = "", versionId = "", currentSince = "" } = row;
  const {
    verdict,
    instanceId,
    swappedAt,
    serviceArn = "",
    claimedBy,
    intent,
    decision,
    heldBy: service,
    takenAt = "",
  } = row;
  const { calls: call } = world;
  if (pk === "SECRETS" && currentSince) {
    const since = world.newestSince.get(secretArn) ?? [];
    // A request that is repeated writes what is there.
    if (since.at(-1) !== currentSince) world.newestSince.set(secretArn, [...since, currentSince]);
  }
  if (sk.startsWith("ROTATION#") && verdict) {
    world.verdictWrites.push({ versionId, currentSince, verdict, call });
  }
  if (sk.startsWith("INSTANCE#") && instanceId && versionId && swappedAt) {
    world.instanceWrites.push({ instanceId, versionId, swappedAt });
  }
  if (sk.startsWith("DECISION#") && intent === "redeploy" && !decision) {
    progress.claimed.set(serviceArn, { secretArn, versionId, currentSince });
  }
  if (pk.startsWith("RESTORED#") && claimedBy) progress.claimedRestore = call;
  if (pk.startsWith("REDEPLOYS#")) {
    if (service) world.places.set(sk, { service, takenAt, taker: name });
    else world.places.delete(sk);
  }
}
