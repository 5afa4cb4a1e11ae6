import type {
  HydrateResult,
  PullResult,
  PushResult,
  SyncResult,
  Volume,
  VolumeEvents,
  VolumeStatus,
} from "@graft/client";
import {
  type Bookmark,
  type Clock,
  GraftError,
  parseBookmark,
  type Random,
  randomUnit,
} from "@graft/core";
import type { Engine, MissStrategyKind } from "@graft/sqlite-engine";
import { Connection } from "./connection/connection.ts";
import { ConnectionPool } from "./connection/connection-pool.ts";
import { ConnectionSetup } from "./connection/connection-setup.ts";
import { DatabaseHost } from "./connection/database-host.ts";
import { type InstanceSlots, instanceSlotsOf } from "./connection/instance-slots.ts";
import { type ExportResult, exportDatabase } from "./export/export-database.ts";
import { SpillArea } from "./file/spill-area.ts";
import type { VolumeFile } from "./file/volume-file.ts";
import { GraftVfs } from "./graft-vfs.ts";
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
import { runTransaction, type Transaction } from "./transaction.ts";
import { createVolumeActions, type SaveMeans } from "./volume-actions.ts";

/**
 * How long a statement that finds another writer tries again, unless `PRAGMA busy_timeout` says
 * else.
 */
export const BUSY_TIMEOUT_MS_DEFAULT = 5_000;

/** The main database file of every connection. */
const MAIN_NAME = "main.db";
/** Pause between two looks for a snapshot that is waited for. */
const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 5_000;

/** What went over the wire. */
export interface Traffic {
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

export interface DatabaseOptions {
  readonly volume: Volume;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Journals and temporary files. Default: 16 MiB in memory, then under `save.directory`, if any.
   */
  readonly spill?: SpillArea;
  /** Files: where `reset` saves local work, and how `exportTo` writes. */
  readonly save?: SaveMeans;
  /** Counts requests and bytes, for `traffic()`. */
  readonly traffic?: () => Traffic;
  /** Connections that read at the same time. Default 8. */
  readonly readersMax?: number;
  /** A connection that nobody used for so long is closed. Default 10 s. */
  readonly idleMs?: number;
  readonly busyTimeoutMs?: number;
  /** Instances that databases share. Default: those of the engine, at most 32. */
  readonly instances?: InstanceSlots;
  /** Most memory for one connection's SQLite. Default 2 GiB. */
  readonly heapMaxBytes?: number;
  /** Chosen by what the runtime can do, unless given. */
  readonly missStrategy?: MissStrategyKind;
  /** Called by `close`, after the connections are closed. */
  readonly onClose?: () => Promise<void>;
}

export interface ExportRequest extends ActionOptions {
  /** Whether a file at the path may be replaced. Default false. */
  readonly replace?: boolean;
  readonly onProgress?: HydrateRequest["onProgress"];
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
  readonly #spill: SpillArea;
  readonly #settings: PragmaSettings;
  readonly #actions = new Map<Volume, VolumeActions>();
  /** Other volumes, by the name they are attached as. */
  readonly #attached = new Map<string, Volume>();
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.volume = options.volume;
    this.#spill = options.spill ?? createSpillArea(options);
    this.#settings = { busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS_DEFAULT };
    const { clock, random, readersMax, idleMs } = options;
    this.#pool = new ConnectionPool({
      open: (signal) => this.#openConnection(signal),
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
    await this.#host.withWriter(mode, options.signal, async (connection) => {
      for (const statement of statements) {
        const request = { sql: statement, readsBigInts: false, signal: options.signal };
        await this.#host.runOn(connection, request, (prepared) =>
          (options.signal === undefined
            ? prepared
            : prepared.with({ signal: options.signal })
          ).run(),
        );
      }
    });
  }

  /** A statement. It is compiled when it is first run. */
  prepare(sql: string, options: QueryOptions = {}): PreparedQuery {
    return createQuery(this.#host, sql, options);
  }

  /**
   * Runs `fn` in a write transaction: committed when it resolves, rolled back when it rejects, and
   * run again on the new snapshot when another writer was first. Use only the handle inside.
   *
   * @throws whatever `fn` throws; SqliteError
   */
  transaction<Result>(
    fn: (tx: Transaction) => Promise<Result>,
    options: QueryOptions = {},
  ): Promise<Result> {
    return runTransaction(this.#host, fn, options);
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
    return this.#actionsOf(this.volume).push(options);
  }

  pull(options?: ActionOptions): Promise<PullResult> {
    return this.#actionsOf(this.volume).pull(options);
  }

  sync(options?: ActionOptions): Promise<SyncResult> {
    return this.#actionsOf(this.volume).sync(options);
  }

  hydrate(options?: HydrateRequest): Promise<HydrateResult> {
    return this.#actionsOf(this.volume).hydrate(options);
  }

  /** Gives up local commits; they are saved to a file first unless told otherwise. */
  reset(options?: ResetRequest): Promise<ResetOutcome> {
    return this.#actionsOf(this.volume).reset(options);
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

  on<E extends keyof VolumeEvents>(
    event: E,
    listener: (value: VolumeEvents[E]) => void,
  ): () => void {
    return this.volume.on(event, listener);
  }

  /**
   * Pulls until the local snapshot holds what the bookmark names. @throws GraftError, AbortError
   */
  async waitFor(bookmark: Bookmark | string, options: ActionOptions = {}): Promise<void> {
    const wanted = typeof bookmark === "string" ? parseBookmark(bookmark) : bookmark;
    if (wanted.volumeId !== this.volume.volumeId) {
      throw new GraftError(
        "invalid-argument",
        `the bookmark is of volume ${wanted.volumeId}, this database is ${this.volume.volumeId}`,
      );
    }
    const { clock, random } = this.#options;
    for (let pauseMs = WAIT_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, WAIT_MS_MAX)) {
      if ((this.status().remote.lsn ?? 0n) >= wanted.lsn) return;
      await this.pull(options);
      if ((this.status().remote.lsn ?? 0n) >= wanted.lsn) return;
      await clock.sleep(pauseMs * (0.5 + randomUnit(random)), options.signal);
    }
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

  /** Ends everything: what is running fails, what is not committed is rolled back. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.close().finally(() => this.#options.onClose?.());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #openConnection(signal: AbortSignal): Promise<Connection> {
    const { engine, clock, random, heapMaxBytes, missStrategy } = this.#options;
    const vfs = new GraftVfs({
      name: `volume ${this.volume.volumeId}`,
      volumeOf: (name) => this.#volumeOf(name),
      spill: this.#spill,
      pragma: (file, name, value) => this.#answerPragma(file, name, value),
    });
    const slots = this.#options.instances ?? instanceSlotsOf(engine);
    const slot = await slots.take(clock, signal);
    try {
      return await Connection.open({
        engine,
        vfs,
        slot,
        filename: MAIN_NAME,
        pageSize: this.volume.pageSize,
        clock,
        random,
        ...(heapMaxBytes !== undefined && { heapMaxBytes }),
        ...(missStrategy !== undefined && { missStrategy }),
      });
    } catch (error) {
      slot.giveBack();
      throw error;
    }
  }

  #volumeOf(name: string): Volume | undefined {
    if (name === MAIN_NAME) return this.volume;
    for (const [attached, volume] of this.#attached) {
      if (fileNameOf(attached) === name) return volume;
    }
    return undefined;
  }

  #answerPragma(
    file: VolumeFile,
    name: string,
    value: string | undefined,
  ): ReturnType<typeof answerPragma> {
    const { volume, reader, isWriting } = file;
    const settings = this.#settings;
    const actions = this.#actionsOf(volume);
    return answerPragma({ volume, reader, isWriting, actions, settings }, name, value);
  }

  #actionsOf(volume: Volume): VolumeActions {
    const known = this.#actions.get(volume);
    if (known !== undefined) return known;
    const { clock, random, save } = this.#options;
    const actions = createVolumeActions({ volume, clock, random, ...(save && { save }) });
    this.#actions.set(volume, actions);
    return actions;
  }
}

function createSpillArea({ save, random }: DatabaseOptions): SpillArea {
  if (save === undefined) return new SpillArea();
  const { fileSystem, directory } = save;
  return new SpillArea({ disk: { fileSystem, directory: `${directory}/tmp`, random } });
}

/** The file an attached database is opened as: hex, so that no name needs quoting. */
function fileNameOf(name: string): string {
  const hex = [...new TextEncoder().encode(name)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `attached-${hex.join("")}.db`;
}
