import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";
import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import {
  createRotatingRedis,
  type RotatingRedis,
  type RotatingRedisOptions,
} from "../../../client/src/ioredis.ts";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { TOPIC_PREFIX } from "./fixtures.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

/** One secret in memory, with Secrets Manager's staging labels. */
class MemorySecret implements SecretSource {
  readonly arn: string;
  reads = 0;
  #current = "";
  #previous = "";
  readonly #versions = new Map<string, string>();

  constructor(name: string) {
    this.arn = `arn:aws:secretsmanager:us-east-1:000000000000:secret:test/${name}-AbCdEf`;
  }

  /** Adds a version that is not current yet; gives its id. */
  stage(secret: object): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    this.#versions.set(versionId, JSON.stringify(secret));
    return versionId;
  }

  promote(versionId: string): void {
    this.#previous = this.#current;
    this.#current = versionId;
  }

  async readCurrent(): Promise<SecretVersion> {
    const current = await this.readVersion(this.arn, this.#current);
    if (!current) throw new Error("The secret has no current version");
    return current;
  }

  async readVersion(_secretId: string, versionId: string): Promise<SecretVersion | undefined> {
    this.reads += 1;
    const text = this.#versions.get(versionId);
    if (text === undefined) return undefined;
    const label =
      versionId === this.#current
        ? "AWSCURRENT"
        : versionId === this.#previous
          ? "AWSPREVIOUS"
          : "AWSPENDING";
    return { secretArn: this.arn, versionId, labels: [label], value: new Redacted(text) };
  }
}

/** A service's view of one user of one Redis, with the clients that a test opens. */
export class RedisScene {
  readonly server: RedisServer;
  readonly user: string;
  readonly secret: MemorySecret;
  readonly reports: Report[] = [];
  readonly #broker: LocalBroker;
  readonly #clients: Redis[] = [];

  constructor(server: RedisServer, broker: LocalBroker, user: string) {
    this.server = server;
    this.user = user;
    this.secret = new MemorySecret(user);
    this.#broker = broker;
  }

  /** Creates the user with a first version that is current and works. */
  async begin(): Promise<this> {
    await this.setUser(this.user, ">first-EXAMPLE");
    this.secret.promote(this.stage("first-EXAMPLE"));
    return this;
  }

  /** A user who may do everything; with the passwords that the rules give. */
  async setUser(user: string, ...rules: string[]): Promise<void> {
    await this.server.acl("SETUSER", user, "on", "~*", "&*", "+@all", ...rules);
  }

  /** Ends all of a user's sessions from the server's side. */
  async killSessionsOf(user: string): Promise<void> {
    await this.server.admin.client("KILL", "USER", user);
  }

  stage(password: string, user = this.user, more: object = {}): string {
    return this.secret.stage({
      username: user,
      password,
      host: "127.0.0.1",
      port: this.server.port,
      ...more,
    });
  }

  async open(options: Partial<RotatingRedisOptions> = {}): Promise<RotatingRedis> {
    const redis = await createRotatingRedis({
      secretId: this.secret.arn,
      secrets: this.secret,
      service: "test",
      refreshIntervalMs: 3_600_000,
      channelUrl: this.#broker.url,
      topicPrefix: TOPIC_PREFIX,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...options,
    });
    this.keep(redis);
    // It has its session by then, and not only the credential's trial.
    await redis.ping();
    return redis;
  }

  /** Closes it after the test. */
  keep<T extends Redis>(client: T): T {
    client.on("error", () => undefined);
    this.#clients.push(client);
    return client;
  }

  /** Makes a version current and sends the notice for it. */
  async announce(versionId: string): Promise<void> {
    this.secret.promote(versionId);
    const now = new Date().toISOString();
    const notice = {
      v: 1,
      kind: "credential-rotated",
      secretArn: this.secret.arn,
      versionId,
      currentSince: now,
      noticedAt: now,
    };
    await this.#broker.publish(noticeTopic(TOPIC_PREFIX, this.secret.arn), JSON.stringify(notice), {
      qos: 1,
    });
  }

  outcomesOf(versionId: string): string[] {
    return this.reports
      .filter((report) => report.versionId === versionId && report.trigger !== "reconnect")
      .map(({ outcome }) => outcome);
  }

  /** Makes a version current, tells of it, and waits until it is in use. */
  async adopt(versionId: string): Promise<void> {
    await this.announce(versionId);
    await vi.waitFor(() => expect(this.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 5_000 });
  }

  async end(): Promise<void> {
    for (const client of this.#clients.toReversed()) client.disconnect();
    await Promise.all(this.#clients.map(ended));
  }
}

/** The arguments of the next event of that name. Unlike Node's `once`, it takes no "error" for its end. */
export function nextOf(emitter: Redis, event: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(event, (...args: unknown[]) => resolve(args)));
}

/** Resolves when nothing of it is open. ioredis says nothing more where it had no connection just then. */
async function ended(client: Redis): Promise<void> {
  if (client.status === "end" || client.status === "reconnecting") return;
  await nextOf(client, "end");
}

/** One Redis and one broker for the tests of a file. Call it once at the top of it. */
export function setUpRedis() {
  let started: { readonly server: RedisServer; readonly broker: LocalBroker } | undefined;
  const scenes: RedisScene[] = [];
  const running = () => {
    if (!started) throw new Error("Redis is there when the first test begins");
    return started;
  };
  beforeAll(async () => {
    const [server, broker] = await Promise.all([startRedis(), startBroker()]);
    started = { server, broker };
    broker.onPublish((topic, payload) => {
      if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
      const report = parseReport(JSON.parse(payload.toString()));
      scenes.find(({ secret }) => secret.arn === report.secretArn)?.reports.push(report);
    });
  });
  afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
  afterAll(async () => {
    await started?.broker.stop();
    await started?.server.stop();
  });
  return {
    get server() {
      return running().server;
    },
    async begin(user: string): Promise<RedisScene> {
      const scene = await new RedisScene(running().server, running().broker, user).begin();
      scenes.push(scene);
      return scene;
    },
  };
}

/** Keeps `workers` commands under way until it is stopped or one fails; counts them and keeps the errors. */
export function startRedisLoad(redis: Redis, workers: number) {
  const errors: unknown[] = [];
  let commands = 0;
  let isRunning = true;
  const work = async () => {
    while (isRunning && errors.length === 0) {
      await redis.incr("load").then(
        () => {
          commands += 1;
        },
        (error) => errors.push(error),
      );
    }
  };
  const done = Promise.all(Array.from({ length: workers }, work));
  return {
    errors,
    get commands() {
      return commands;
    },
    async stop() {
      isRunning = false;
      await done;
    },
  };
}
