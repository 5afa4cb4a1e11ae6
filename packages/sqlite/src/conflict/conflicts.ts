import type { RebaseOptions, TransactionEvent, Volume } from "@graft/client";
import { GraftError, type Random, unreachable } from "@graft/core";
import type { Connection } from "../connection/connection.ts";
import type { DatabaseHost } from "../connection/database-host.ts";
import type { ActionOptions, ResetOutcome, ResetRequest } from "../pragma/pragma-context.ts";
import { createAppTransactionId } from "../replay/transaction-recorder.ts";
import {
  runTransaction,
  type TransactionFunction,
  type TransactionOptions,
} from "../transaction.ts";
import type { ConflictPolicy, ConflictResolution, RebaseOutcome } from "./conflict-policy.ts";
import { createDatabaseOutbox, type DatabaseOutbox } from "./database-outbox.ts";
import { KeptFunctions } from "./kept-functions.ts";
import { Replayer } from "./replayer.ts";
import { createWorkSaver, type WorkSaverOptions } from "./save-work.ts";

/** Of the name of a transaction: it is kept with each of its commits. */
const NAME_LENGTH_MAX = 256;

export interface ConflictsMeans extends WorkSaverOptions {
  readonly volume: Volume;
  readonly random: Random;
  readonly host: DatabaseHost;
  readonly policy: ConflictPolicy;
  /** Whether functions without a name are kept, too. */
  readonly keepsAll: boolean;
  /** A connection of its own on a volume, to run transactions again. */
  readonly openConnection: (volume: Volume, signal: AbortSignal) => Promise<Connection>;
  readonly reset: (options: ResetRequest) => Promise<ResetOutcome>;
}

/** The arguments of `db.transaction`. */
export type TransactionRequest<Result> =
  | readonly [fn: TransactionFunction<Result>, options?: TransactionOptions | undefined]
  | NamedRequest<Result>;

type NamedRequest<Result> = readonly [
  name: string,
  fn: TransactionFunction<Result>,
  options?: TransactionOptions | undefined,
];

function isNamed<Result>(request: TransactionRequest<Result>): request is NamedRequest<Result> {
  return typeof request[0] === "string";
}

/**
 * Everything about local transactions and the base that moves under them: who they are, how they
 * are run again, and what is done when they cannot be merged.
 */
export class Conflicts {
  readonly outbox: DatabaseOutbox;
  readonly #means: ConflictsMeans;
  readonly #functions = new KeptFunctions();
  /** Of transactions that run now. */
  readonly #running = new Map<string, TransactionFunction>();
  readonly #listeners = new Set<(resolution: ConflictResolution) => void>();
  #isListening = false;

  constructor(means: ConflictsMeans) {
    this.#means = means;
    this.outbox = createDatabaseOutbox({
      volume: means.volume,
      functions: this.#functions,
      replaying: (signal, use) => this.#replaying(signal, use),
    });
  }

  /** Runs a function in a write transaction that is known by an id of its own. */
  async transaction<Result>(request: TransactionRequest<Result>): Promise<Result> {
    const [name, fn, options = {}] = isNamed(request) ? request : [undefined, ...request];
    const { host, random, keepsAll } = this.#means;
    const appTransactionId = createAppTransactionId(random);
    if (name !== undefined && name.length > NAME_LENGTH_MAX) {
      throw new GraftError(
        "invalid-argument",
        `a transaction has a name of ${name.length} characters, at most ${NAME_LENGTH_MAX} are kept`,
      );
    }
    const isKept = keepsAll || name !== undefined;
    if (isKept) {
      this.#listen();
      this.#running.set(appTransactionId, fn);
    }
    try {
      return await runTransaction(host, fn, { ...options, label: { name, appTransactionId } });
    } finally {
      this.#running.delete(appTransactionId);
    }
  }

  /** Runs the local transactions of a diverged volume again on the newest remote snapshot. */
  async rebase({ signal }: ActionOptions = {}): Promise<RebaseOutcome> {
    const saver = createWorkSaver(this.#means, undefined, signal);
    return await this.#replaying(signal, async (options) => {
      const { save: means, volume } = this.#means;
      const result = await volume.rebase({
        ...options,
        ...(means !== undefined && { save: (reader, note) => saver.save(reader, note) }),
      });
      return { ...result, savedFile: saver.savedFile };
    });
  }

  /**
   * Does what the policy says. Undefined: it says "stop".
   *
   * @throws what it failed with; the volume is diverged as before, or rebased in part
   */
  async resolve(options: ActionOptions = {}): Promise<ConflictResolution | undefined> {
    const { policy, reset } = this.#means;
    let resolution: ConflictResolution;
    switch (policy) {
      case "stop":
        return undefined;
      case "reset":
        resolution = { kind: "reset", ...(await reset({ ...options, onlyDiverged: true })) };
        break;
      case "rebase":
        resolution = { kind: "rebase", ...(await this.rebase(options)) };
        break;
      default:
        return unreachable(policy);
    }
    this.#tell(resolution);
    return resolution;
  }

  /** Called when the policy has ended a divergence. Returns what ends the subscription. */
  onResolved(listener: (resolution: ConflictResolution) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A listener that throws keeps no other from being told. */
  #tell(resolution: ConflictResolution): void {
    const failures: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        listener(resolution);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return;
    throw new GraftError("internal", "an event listener threw", { cause: failures[0] });
  }

  async #replaying<Result>(
    given: AbortSignal | undefined,
    use: (options: RebaseOptions) => Promise<Result>,
  ): Promise<Result> {
    const signal = given ?? new AbortController().signal;
    const { openConnection } = this.#means;
    await using replayer = new Replayer({ functions: this.#functions, openConnection }, signal);
    return await use({
      signal,
      refusalOf: (transaction) => replayer.refusalOf(transaction),
      replay: (transaction, volume) => replayer.replay(transaction, volume),
    });
  }

  /** What is pushed or given up is not run again. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#means.volume.on("transaction", (event) => this.#note(event));
  }

  #note({ fate, appTransactionId }: TransactionEvent): void {
    if (appTransactionId === undefined) return;
    const fn = fate === "local" ? this.#running.get(appTransactionId) : undefined;
    if (fn !== undefined) this.#functions.keep(appTransactionId, fn);
    if (fate === "pushed" || fate === "discarded") this.#functions.drop(appTransactionId);
  }
}
