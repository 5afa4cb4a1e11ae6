import type {
  HydrateResult,
  PullResult,
  PushResult,
  SyncResult,
  Volume,
  VolumeEvents,
  VolumeStatus,
} from "@graft/client";
import { type Bookmark, GraftError } from "@graft/core";
import { createBookmark, waitForBookmark } from "./bookmarks.ts";
import type { ConflictResolution, RebaseOutcome } from "./conflict/conflict-policy.ts";
import { Conflicts, type TransactionRequest } from "./conflict/conflicts.ts";
import type { DatabaseOutbox } from "./conflict/database-outbox.ts";
import { ConnectionOpener, fileNameOf } from "./connection/connection-opener.ts";
import { ConnectionPool } from "./connection/connection-pool.ts";
import { ConnectionSetup } from "./connection/connection-setup.ts";
import { DatabaseHost } from "./connection/database-host.ts";
import { createSpillArea, type DatabaseOptions, type Traffic } from "./database-options.ts";
import { type ExportResult, exportDatabase } from "./export/export-database.ts";
import type { VolumeFile } from "./file/volume-file.ts";
import { waitForLastPush } from "./last-push.ts";
import { answerPragma } from "./pragma/answer-pragma.ts";
import type {
  ActionOptions,
  HydrateRequest,
  PragmaSettings,
  PushRequest,
  ResetOutcome,
  ResetRequest,
  VolumeActions,
} from "./pragma/pragma-context.ts";
import { createQuery, type PreparedQuery, type QueryOptions } from "./prepared-query.ts";
import { splitSql } from "./sql/split-sql.ts";
import { traceCall } from "./trace-call.ts";
import type { TransactionFunction, TransactionOptions } from "./transaction.ts";
import { createVolumeActions } from "./volume-actions.ts";

/**
 * How long a statement that finds another writer tries again, unless `PRAGMA busy_timeout` says
 * else.
 */
export const BUSY_TIMEOUT_MS_DEFAULT = 5_000;

export interface ExportRequest extends ActionOptions {
  /** Whether a file at the path may be replaced. Default false. */
  readonly replace?: boolean;
  readonly onProgress?: HydrateRequest["onProgress"];
}

/** Events of the volume, and how a divergence ended by `onConflict`. */
export interface DatabaseEvents extends VolumeEvents {
  readonly resolved: ConflictResolution;
}

/**
 * SQLite on a volume. Everything is asynchronous, because a page may be far away; statements may be
 * issued at once. Reads run side by side, each on the newest local snapshot when it begins; writes
 * take turns. A query that waits for a page never holds up another.
 *
 * A transaction that spans several calls is best a function (`transaction`). `BEGIN … COMMIT`
 * through `exec` works as on a single connection: until it ends every statement of this `Database`
 * is part of it.
 */
export class Database implements AsyncDisposable {
  readonly volume: Volume;
  readonly #options: DatabaseOptions;
  readonly #pool: ConnectionPool;
  readonly #host: DatabaseHost;
  readonly #setup = new ConnectionSetup();
  readonly #settings: PragmaSettings;
  readonly #conflicts: Conflicts;
  readonly #actions = new Map<Volume, VolumeActions>();
  /** Other volumes, by the name they are attached as. */
  readonly #attached = new Map<string, Volume>();
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.volume = options.volume;
    const spill = createSpillArea(options);
    this.#settings = { busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS_DEFAULT };
    const { clock, random, readersMax, idleMs, volume, save } = options;
    const policy = options.onConflict ?? "stop";
    const recordStatements = options.recordStatements ?? policy === "rebase";
    const opener = new ConnectionOpener({
      ...options,
      recordStatements,
      spill,
      attached: this.#attached,
      pragma: (file, name, value) => this.#answerPragma(file, name, value),
    });
    this.#pool = new ConnectionPool({
      open: (role, signal) => opener.open(role, volume, signal),
      setup: this.#setup,
      clock,
      ...(readersMax !== undefined && { readersMax }),
      ...(idleMs !== undefined && { idleMs }),
    });
    this.#host = new DatabaseHost({
      pool: this.#pool,
      setup: this.#setup,
      settings: this.#settings,
      clock,
      random,
      sharedAttachmentCount: () => this.#attached.size,
    });
    this.#conflicts = new Conflicts({
      volume,
      clock,
      random,
      ...(save !== undefined && { save }),
      host: this.#host,
      policy,
      keepsAll: recordStatements,
      openConnection: async (inner, signal) => {
        const connection = await opener.open("replayer", inner, signal);
        await this.#setup.apply(connection);
        return connection;
      },
      reset: (request) => this.reset(request),
    });
  }

  /** Runs all statements of a text, one after another; rows are dropped. @throws SqliteError */
  async exec(sql: string, options: QueryOptions = {}): Promise<void> {
    const { statements } = splitSql(sql);
    const [only] = statements;
    if (only === undefined) return;
    if (statements.length === 1) {
      await this.prepare(only, options).run();
      return;
    }
    // Others must not come in between, unless they are part of the same open transaction anyway.
    const mode = this.#host.hasOpenTransaction ? "shared" : "alone";
    await this.#traced("exec", () =>
      this.#host.withWriter(mode, options.signal, async (connection) => {
        for (const statement of statements) {
          const { signal, maxFetchBytes } = options;
          const fixed = { readsBigInts: false, signal, maxFetchBytes, parameters: [] };
          const request = { sql: statement, ...fixed };
          await this.#host.runOn(connection, request, (prepared) =>
            (options.signal === undefined
              ? prepared
              : prepared.with({ signal: options.signal })
            ).run(),
          );
        }
      }),
    );
  }

  /** A statement. It is compiled when it is first run. */
  prepare(sql: string, options: QueryOptions = {}): PreparedQuery {
    return createQuery(this.#host, sql, options, this.#options.tracer);
  }

  /**
   * Runs `fn` in a write transaction: committed when it resolves, rolled back when it rejects, and
   * run again on the new snapshot when another writer was first. Use only the handle inside.
   *
   * With a name it is also run again, by this process, when a rebase puts it on another base: its
   * rules are checked anew there. The name shows in the log and in the outbox.
   *
   * @throws whatever `fn` throws; SqliteError
   */
  transaction<Result>(
    name: string,
    fn: TransactionFunction<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
  transaction<Result>(
    fn: TransactionFunction<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
  transaction<Result>(...request: TransactionRequest<Result>): Promise<Result> {
    return this.#traced("transaction", () => this.#conflicts.transaction(request));
  }

  /**
   * Makes another volume's tables visible as `name.table` on every connection. A transaction over
   * both commits each alone: a crash between the two leaves one of them committed.
   */
  async attach(name: string, volume: Volume): Promise<void> {
    if (this.#attached.has(name)) {
      throw new GraftError("invalid-argument", `a database is already attached as "${name}"`);
    }
    this.#attached.set(name, volume);
    const schema = `"${name.replaceAll('"', '""')}"`;
    const size = `PRAGMA ${schema}.page_size = ${volume.pageSize}`;
    this.#setup.put(`attach ${name}`, `ATTACH '${fileNameOf(name)}' AS ${schema}; ${size}`);
    try {
      // Told at once, so that a name that SQLite refuses fails here.
      await this.#host.withWriter("alone", undefined, async () => undefined);
    } catch (error) {
      this.#attached.delete(name);
      this.#setup.remove(`attach ${name}`);
      throw error;
    }
  }

  push(options?: PushRequest): Promise<PushResult> {
    return this.#traced("push", () => this.#actionsOf(this.volume).push(options));
  }

  pull(options?: ActionOptions): Promise<PullResult> {
    return this.#traced("pull", () => this.#actionsOf(this.volume).pull(options));
  }

  sync(options?: ActionOptions): Promise<SyncResult> {
    return this.#traced("sync", () => this.#actionsOf(this.volume).sync(options));
  }

  hydrate(options?: HydrateRequest): Promise<HydrateResult> {
    return this.#traced("hydrate", () => this.#actionsOf(this.volume).hydrate(options));
  }

  /** Gives up local commits; they are saved to a file first unless told otherwise. */
  reset(options?: ResetRequest): Promise<ResetOutcome> {
    return this.#actionsOf(this.volume).reset(options);
  }

  /**
   * Ends a divergence by running the local transactions again, each by itself, on the newest remote
   * snapshot: functions with a name as such, all others by their recorded statements. What fails
   * goes to the outbox. Without a divergence it does nothing.
   *
   * @throws GraftError `unavailable`, …: it goes on where it stopped when it is called again
   */
  rebase(options?: ActionOptions): Promise<RebaseOutcome> {
    return this.#actionsOf(this.volume).rebase(options);
  }

  /** Transactions that a rebase could not run again. */
  get outbox(): DatabaseOutbox {
    return this.#conflicts.outbox;
  }

  /**
   * Does what `onConflict` says about a divergence; undefined when that is to stop. It is done by
   * itself with `sync: "auto"`, and by `sync()`.
   */
  resolveConflict(options?: ActionOptions): Promise<ConflictResolution | undefined> {
    return this.#conflicts.resolve(options);
  }

  /** Brings pages of the newest snapshot here. The list reads like `1,5,8-12`, or `all`. */
  async fetch(pages: string, options: ActionOptions = {}): Promise<{ readonly pages: number }> {
    const value = `'${pages.replaceAll("'", "''")}'`;
    const text = await this.prepare(`PRAGMA graft_fetch = ${value}`, options).pluck().get();
    return JSON.parse(String(text)) as { readonly pages: number };
  }

  /** Writes the newest snapshot as a plain SQLite file. */
  async exportTo(path: string, options: ExportRequest = {}): Promise<ExportResult> {
    const { save, random } = this.#options;
    if (save === undefined) {
      throw new GraftError("invalid-argument", "this database has no file system to export to");
    }
    const reader = this.volume.openReader();
    try {
      return await exportDatabase({
        reader,
        fileSystem: save.fileSystem,
        random,
        path,
        ...(options.replace !== undefined && { replace: options.replace }),
        ...(options.signal !== undefined && { signal: options.signal }),
        ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
      });
    } finally {
      reader.close();
    }
  }

  status(): VolumeStatus {
    return this.volume.status();
  }

  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (value: DatabaseEvents[E]) => void,
  ): () => void {
    if (event === "resolved") {
      return this.#conflicts.onResolved(listener as (value: ConflictResolution) => void);
    }
    // Every other name is an event of the volume.
    const name: keyof VolumeEvents = event as Exclude<E, "resolved"> & keyof VolumeEvents;
    return this.volume.on(name, listener as (value: VolumeEvents[typeof name]) => void);
  }

  /**
   * Resolves when the local snapshot holds what a bookmark names: read your writes, or another
   * one's, in another process or on another device.
   *
   * @throws GraftError `invalid-argument`: of another volume · `diverged` · AbortError
   */
  async waitFor(bookmark: Bookmark | string, options: ActionOptions = {}): Promise<void> {
    await waitForBookmark(this.volume, bookmark, options);
  }

  /**
   * Names all that was committed here before the call, for `waitFor` elsewhere. Resolves when that
   * is remote: with `sync: "manual"` it is pushed now.
   *
   * @throws GraftError `diverged`, or as `push`
   */
  bookmark(options: ActionOptions = {}): Promise<string> {
    return createBookmark(this.volume, options);
  }

  /** Requests and bytes so far, where they are counted. */
  traffic(): Traffic | undefined {
    return this.#options.traffic?.();
  }

  /**
   * Whether a transaction was opened by `BEGIN` or `SAVEPOINT` through `exec`, and is not yet
   * ended.
   */
  get inTransaction(): boolean {
    return this.#host.hasOpenTransaction;
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#pool.size;
  }

  /** Closes the connections that nobody uses now. */
  releaseIdle(): Promise<void> {
    return this.#pool.closeIdle(0);
  }

  /**
   * Ends everything: what is running fails, what is not committed is rolled back. With `sync:
   * "auto"` commits that wait to be pushed are given 2 s, while the server is there; what is not
   * pushed by then stays on disk, and goes out when the database is next open.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #traced<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const { tracer } = this.#options;
    return tracer === undefined ? call() : traceCall(tracer, name, call);
  }

  async #close(): Promise<void> {
    try {
      await this.#pool.close();
      await waitForLastPush(this.volume, this.#options.clock);
    } finally {
      await this.#options.onClose?.();
    }
  }

  #answerPragma(
    file: VolumeFile,
    name: string,
    value: string | undefined,
  ): ReturnType<typeof answerPragma> {
    const { reader, isWriting } = file;
    // A connection that runs transactions again has the volume in another form.
    const volume = file.volume.volumeId === this.volume.volumeId ? this.volume : file.volume;
    const settings = this.#settings;
    const actions = this.#actionsOf(volume);
    return answerPragma({ volume, reader, isWriting, actions, settings }, name, value);
  }

  #actionsOf(volume: Volume): VolumeActions {
    const known = this.#actions.get(volume);
    if (known !== undefined) return known;
    const { clock, random, save } = this.#options;
    const actions = createVolumeActions({
      volume,
      clock,
      random,
      ...(save && { save }),
      ...(volume === this.volume && { conflicts: this.#conflicts }),
    });
    this.#actions.set(volume, actions);
    return actions;
  }
}
