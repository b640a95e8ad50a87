import type { Redis } from "ioredis";
import {
  createRotatingRedis,
  type RotatingRedis,
  type RotatingRedisOptions,
} from "../../../client/src/ioredis.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";
import { type Login, Scene } from "./scene.ts";
import { type Stage, setUpStage } from "./stage.ts";

/** A service's view of one user of one Redis, with the clients that a test opens. */
export class RedisScene extends Scene<RedisServer> {
  constructor(server: RedisServer, user: string) {
    super(server, user, { host: "127.0.0.1", port: server.port });
  }

  protected createUser({ user, password }: Login): Promise<void> {
    return this.setUser(user, `>${password}`);
  }

  protected setPassword({ user, password }: Login): Promise<void> {
    return this.setUser(user, "resetpass", `>${password}`);
  }

  /** A user who may do everything; with the passwords that the rules give. */
  async setUser(user: string, ...rules: string[]): Promise<void> {
    await this.store.acl("SETUSER", user, "on", "~*", "&*", "+@all", ...rules);
  }

  /** Ends all of a user's sessions from the server's side. */
  async killSessionsOf(user: string): Promise<void> {
    await this.store.admin.client("KILL", "USER", user);
  }

  async open(options: Partial<RotatingRedisOptions> = {}): Promise<RotatingRedis> {
    const redis = this.keep(await createRotatingRedis({ ...this.rotationOptions, ...options }));
    // It has its session by then, and not only the credential's trial.
    await redis.ping();
    return redis;
  }

  /** Closes it after the test. */
  keep<T extends Redis>(client: T): T {
    client.on("error", () => undefined);
    this.closeBy(async () => {
      client.disconnect();
      // ioredis says nothing more where it had no connection just then.
      if (client.status !== "end" && client.status !== "reconnecting") await nextOf(client, "end");
    });
    return client;
  }
}

export type RedisStage = Stage<RedisServer, RedisScene>;

export function setUpRedis(): RedisStage {
  return setUpStage(startRedis, (server, user) => new RedisScene(server, user));
}

/** The arguments of the next event of that name. Unlike Node's `once`, it takes no "error" for its end. */
export function nextOf(emitter: Redis, event: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(event, (...args: unknown[]) => resolve(args)));
}
