import { Command } from "ioredis";
import type { RedisCredential } from "../../../shared/engines/redis.ts";
import { authArguments } from "./log-in.ts";

/** Our own AUTH, which gives an open session another login. */
export class AuthCommand extends Command {
  constructor(credential: RedisCredential) {
    super("auth", authArguments(credential), { replyEncoding: "utf8" });
  }

  override setTimeout(): void {
    // No `commandTimeout`: behind a blocking command it waits for as long as that one.
  }
}
