import { MongoClient, type MongoClientOptions, MongoNetworkError, MongoServerSelectionError } from "mongodb";
import { UnusableSecretError } from "../../../shared/engines/database-secret.ts";
import {
  failedInHandshake,
  isMongoAuthFailure,
  type MongoCredential,
  mongoAuthFailure,
  mongoErrorCode,
} from "../../../shared/engines/mongodb.ts";
import { pause } from "../core/backoff.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import { withDeadline } from "../core/deadline.ts";
import { connectionGivenBack, type Outcome, runOperation } from "./operation-run.ts";
import { threeTries } from "./three-tries.ts";

const VERIFY_TIMEOUT_MS = 10_000;
/** So much of the grace period a client goes on as ever; in the rest it is closed as soon as nothing is under way. */
const SERVING_SHARE = 0.9;
const noop = () => undefined;

export interface VersionClientOptions {
  readonly credential: MongoCredential;
  readonly config: MongoClientOptions;
  readonly pingTimeoutMs: number;
  /** How long it goes on after another one has taken its place, for whoever has kept hold of it. */
  readonly graceMs: number;
  readonly verify?: ((client: MongoClient) => Promise<unknown>) | undefined;
  /** The store refused a login of this client: ours, or one that the driver made by itself. Once for each. */
  readonly onRefused: (client: VersionClient) => void;
  /** A connection has logged in after logins had failed. */
  readonly onRecovered: (client: VersionClient) => void;
}

/** The `MongoClient` of one version of the secret, and how its logins fare. */
export class VersionClient {
  readonly #options: VersionClientOptions;
  readonly #client: MongoClient;
  readonly #closed = new AbortController();
  readonly #refusals = new WeakSet<object>();
  #refusalCount = 0;
  #failure: unknown;
  #busy = 0;
  #runs = 0;
  #isHandedOut = false;
  readonly #waiting = new Set<() => void>();
  #connecting: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws UnusableSecretError where the driver will not have what the secret says */
  constructor(options: VersionClientOptions) {
    this.#options = options;
    this.#client = createClient(options);
    const client = this.#client;
    client.on("connectionReady", () => this.#works());
    client.on("connectionCheckedOut", () => {
      this.#busy += 1;
    });
    client.on("connectionCheckedIn", () => {
      connectionGivenBack();
      this.#busy -= 1;
      this.#wakeWaiting();
    });
    // Of a login that the driver makes by itself, this is where its public events tell why it failed.
    client.on("serverDescriptionChanged", ({ newDescription }) => this.#noteRefusal(newDescription.error));
  }

  /** For applications: whoever has it may use it for as long as the grace period lasts. */
  handOut(): MongoClient {
    this.#isHandedOut = true;
    return this.#client;
  }

  /** Why its last login failed; undefined where one has worked since. */
  get failure(): unknown {
    return this.#failure;
  }

  get isRefused(): boolean {
    return isMongoAuthFailure(this.#failure);
  }

  /** Operations that hold a connection, or whose callback has not returned. */
  get inUse(): number {
    return Math.max(this.#busy, this.#runs);
  }

  /** Whether both may be valid at the same time. */
  isOtherLoginThan(client: VersionClient): boolean {
    const own = this.#options.credential;
    const other = client.#options.credential;
    return own.username !== other.username || own.uri !== other.uri;
  }

  /** Whether the store has refused a login of this client with that error, and not one of somebody else's. */
  hasRefused(error: unknown): boolean {
    const refusal = mongoAuthFailure(error);
    return refusal !== undefined && this.#refusals.has(refusal);
  }

  /** Runs it, and notes where a login was refused. */
  async run<T>(operation: (client: MongoClient) => Promise<T>): Promise<Outcome<T>> {
    this.#runs += 1;
    const refusalsBefore = this.#refusalCount;
    try {
      const outcome = await runOperation(() => operation(this.#client));
      if ("error" in outcome) this.#noteOwnRefusal(outcome.error, refusalsBefore);
      return outcome;
    } finally {
      this.#runs -= 1;
      this.#wakeWaiting();
    }
  }

  /** Notes that no connection could be had, so that another credential is asked first. */
  failed(error: unknown): void {
    this.#failure ??= error;
  }

  /** @throws the driver's error, or DependencyError where nothing answered in time */
  async ping(timeoutMs = this.#options.pingTimeoutMs): Promise<void> {
    const deadline = { ms: timeoutMs, stopped: this.#closed.signal, who: "The store" };
    const failure = this.#failure;
    try {
      await withDeadline(deadline, (signal) => {
        this.#connecting = this.#client.db("admin").command({ ping: 1 }, { signal });
        return this.#connecting;
      });
    } catch (error) {
      this.#noteRefusal(error);
      throw error;
    }
    // A login that was refused meanwhile is not disproved: the ping may have had a connection from before.
    if (this.#failure === failure) this.#works();
  }

  /**
   * Logs in, pings, and asks what the user wants asked.
   *
   * @throws as `ping`, or CheckFailedError where the user's check fails and the connection does not
   */
  async verify(): Promise<void> {
    const stopped = this.#closed.signal;
    await threeTries(() => this.ping(), { isFinal: isMongoAuthFailure, stopped });
    const { verify } = this.#options;
    if (!verify) return;
    const deadline = { ms: VERIFY_TIMEOUT_MS, stopped, who: "The check of the new credential" };
    await withDeadline(deadline, async () => {
      try {
        await verify(this.#client);
      } catch (error) {
        if (isConnectionLost(error) || this.hasRefused(error)) throw error;
        throw new CheckFailedError(error, mongoErrorCode(error));
      }
    });
  }

  /**
   * Resolves when it is closed. Somebody may have kept a database or a collection, which nobody can tell from here:
   * then it stays open for the grace period, else until the last callback has returned.
   */
  async retire(): Promise<void> {
    if (this.#isHandedOut) await pause(this.#options.graceMs * SERVING_SHARE, this.#closed.signal);
    await this.#idle(() => this.inUse === 0);
    await this.close();
  }

  /** Lets the callbacks return that run now, at most for the grace period; then closes. */
  async finish(): Promise<void> {
    const timeUp = AbortSignal.timeout(this.#options.graceMs);
    timeUp.addEventListener("abort", () => this.#wakeWaiting());
    await this.#idle(() => this.#runs === 0 || timeUp.aborted);
    await this.close();
  }

  /** Closes at once; what is under way fails with the driver's own error. */
  close(): Promise<void> {
    this.#closed.abort();
    this.#wakeWaiting();
    if (!this.#closing) {
      this.#closing = this.#client.close().catch(noop);
      // One that still looks for its hosts opens them after it was closed.
      const closeAgain = () => this.#client.close();
      this.#connecting?.then(closeAgain, closeAgain).catch(noop);
    }
    return this.#closing;
  }

  async #idle(isIdle: () => boolean): Promise<void> {
    while (!isIdle() && !this.#closed.signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wakeWaiting(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #works(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.onRecovered(this);
  }

  /**
   * An operation may use other clients too, for other stores, and fail with what these say. The driver's event has told
   * us of our own refusal, or of the first of several that came at once; behind a load balancer it does not.
   */
  #noteOwnRefusal(error: unknown, refusalsBefore: number): void {
    const refusal = mongoAuthFailure(error);
    if (!refusal || !failedInHandshake(refusal)) return;
    const isHeardOf = this.isRefused || this.#refusalCount > refusalsBefore;
    if (isHeardOf || this.#client.options.loadBalanced) this.#noteRefusal(refusal);
  }

  #noteRefusal(error: unknown): void {
    // The driver puts errors of its own around it, for those who waited for the same server.
    const refusal = mongoAuthFailure(error);
    if (!refusal || this.#refusals.has(refusal)) return;
    this.#refusals.add(refusal);
    this.#refusalCount += 1;
    this.#failure = refusal;
    this.#options.onRefused(this);
  }
}

/** No connection could be had, or it broke: says nothing about the credential. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof MongoNetworkError || error instanceof MongoServerSelectionError;
}

function createClient({ credential, config }: VersionClientOptions): MongoClient {
  const { uri, username, password, tls, replicaSet } = credential;
  const authSource = config.authSource ?? credential.authSource;
  try {
    return new MongoClient(uri, {
      ...config,
      ...(tls !== undefined && { tls }),
      ...(replicaSet !== undefined && { replicaSet }),
      ...(authSource !== undefined && { authSource }),
      auth: { username, password: password.reveal() },
    });
  } catch (error) {
    // The driver's message may quote the connection string.
    const reason = error instanceof Error ? error.name : "error";
    throw new UnusableSecretError(`The driver will not connect with what the secret says (${reason})`);
  }
}
