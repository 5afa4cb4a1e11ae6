import type { ColumnInfo } from "./column-info.ts";
import { describeColumns } from "./column-info.ts";
import type { EngineCalls } from "./engine-calls.ts";
import type { Parameters } from "./parameters.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import { FirstRow, RowCollector } from "./row-collector.ts";
import { RowIterator } from "./row-iterator.ts";
import type { RowShape, SqlRow } from "./row-reader.ts";
import type { SqlValue } from "./values.ts";
import { toNumber } from "./values.ts";

/** What cannot be answered at once. */
export const WOULD_WAIT: unique symbol = Symbol("would wait");

/** What `run` answers. */
export interface RunResult {
  /**
   * Rows inserted, updated or deleted by the statement; that of the last such statement otherwise.
   */
  readonly changes: number | bigint;
  /** Rowid of the last insert of this connection. A bigint when a number cannot hold it. */
  readonly lastInsertRowid: number | bigint;
}

/** What `with` changes. */
export interface StatementOptions {
  /** Ends every call of the returned statement: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How rows come out, and who may stop the calls. */
export interface StatementView {
  readonly shape: RowShape;
  readonly signal: AbortSignal | undefined;
}

/**
 * A prepared statement. Calls are queued with all others of its connection. `raw()`, `pluck()` and
 * `with()` answer the same statement seen otherwise and leave this one as it is.
 *
 * A `get`, `all`, `run` or new `iterate` ends an iteration of the same statement that is still
 * open.
 */
export class Statement<Row = SqlRow> {
  readonly #calls: EngineCalls;
  readonly #prepared: PreparedStatement;
  readonly #view: StatementView;
  #first: FirstRow | undefined;
  #raw: Statement<SqlValue[]> | undefined;
  #pluck: Statement<SqlValue> | undefined;

  /** Not for callers: `EngineInstance.prepare` makes statements. */
  constructor(calls: EngineCalls, prepared: PreparedStatement, view: StatementView) {
    this.#calls = calls;
    this.#prepared = prepared;
    this.#view = view;
  }

  /** The text it was prepared from. */
  get sql(): string {
    return this.#prepared.sql;
  }

  /** Whether SQLite holds that it changes nothing; transaction statements count as changing. */
  get isReadOnly(): boolean {
    return this.#prepared.mode === "read";
  }

  /** On whose behalf it runs from now on: a `Vfs` is told when a page is missing. */
  setOwner(owner: object | undefined): void {
    this.#prepared.owner = owner;
  }

  /** The first row; undefined when there is none. The statement goes no further than that row. */
  async get(...parameters: Parameters): Promise<Row | undefined> {
    const row = this.tryGet(parameters);
    if (row !== WOULD_WAIT) return row;
    const collector = new RowCollector(this.#prepared, this.#view.shape, 1);
    await this.#collect(collector, parameters);
    return collector.rows[0] as Row | undefined;
  }

  /**
   * Like `get`, without a promise: `WOULD_WAIT`, and nothing has happened, when a page is not here,
   * when somebody else is in the connection, and for a statement that writes.
   */
  tryGet(parameters: Parameters): Row | undefined | typeof WOULD_WAIT {
    this.#first ??= new FirstRow(this.#prepared, this.#view.shape);
    const first = this.#first;
    if (!this.#calls.tryRun(this.#prepared, first, parameters, this.#view.signal)) {
      return WOULD_WAIT;
    }
    return first.giveUp() as Row | undefined;
  }

  /** All rows. */
  async all(...parameters: Parameters): Promise<Row[]> {
    const rows = this.tryAll(parameters);
    if (rows !== WOULD_WAIT) return rows;
    const collector = this.#createCollector();
    await this.#collect(collector, parameters);
    return collector.rows as Row[];
  }

  /** Like `all`, without a promise; see `tryGet`. `WOULD_WAIT` also when it takes long. */
  tryAll(parameters: Parameters): Row[] | typeof WOULD_WAIT {
    const collector = this.#createCollector();
    const { signal } = this.#view;
    if (!this.#calls.tryRun(this.#prepared, collector, parameters, signal)) return WOULD_WAIT;
    return collector.rows as Row[];
  }

  /**
   * Runs to the first row and stays there, without a promise: until `tryLeave` or another use, the
   * connection keeps its snapshot, and statements that read begin without asking for it. False when
   * it would have to wait, and when there is no row.
   */
  tryStand(): boolean {
    return this.#calls.tryStand(this.#prepared);
  }

  /** Ends what `tryStand` began. False when somebody else is in the connection. */
  tryLeave(): boolean {
    return this.#calls.tryLeave(this.#prepared);
  }

  /** Runs to the end and drops the rows. */
  run(...parameters: Parameters): Promise<RunResult> {
    const { signal } = this.#view;
    return this.#calls.exclusively(signal, async () => {
      await this.#calls.begin(this.#prepared, parameters, signal);
      await this.#calls.run(this.#prepared, NO_ROWS, signal);
      const { exports, database } = this.#calls.core;
      const changes = exports.sqlite3_changes64(database);
      const lastInsertRowid = exports.sqlite3_last_insert_rowid(database);
      if (this.#prepared.readsBigInts) return { changes, lastInsertRowid };
      return { changes: toNumber(changes), lastInsertRowid: toNumber(lastInsertRowid) };
    });
  }

  /**
   * The rows one by one, read in growing batches. The connection is free between two batches: other
   * statements may run, and an open iteration of a reading statement keeps its snapshot meanwhile.
   * Leaving a `for await` early ends it.
   */
  iterate(...parameters: Parameters): RowIterator<Row> {
    return new RowIterator<Row>(this.#calls, this.#prepared, this.#view, parameters);
  }

  /** The result columns; none for a statement without a result. */
  columns(): Promise<ColumnInfo[]> {
    return this.#calls.exclusively(this.#view.signal, async () =>
      describeColumns(this.#calls.core, this.#prepared.pointer),
    );
  }

  /** The same statement with rows as arrays of values. */
  raw(): Statement<SqlValue[]> {
    this.#raw ??= new Statement(this.#calls, this.#prepared, { ...this.#view, shape: "array" });
    return this.#raw;
  }

  /** The same statement with the value of its first column in place of each row. */
  pluck(): Statement<SqlValue> {
    this.#pluck ??= new Statement(this.#calls, this.#prepared, { ...this.#view, shape: "value" });
    return this.#pluck;
  }

  /** The same statement with a signal for each of its calls. */
  with(options: StatementOptions): Statement<Row> {
    return new Statement(this.#calls, this.#prepared, { ...this.#view, signal: options.signal });
  }

  /**
   * Whether INTEGER columns, `changes` and `lastInsertRowid` come as bigints. For all its views.
   */
  setReadBigInts(enabled: boolean): void {
    this.#prepared.readsBigInts = enabled;
  }

  /**
   * Frees the statement and all its views. Further calls are refused; finalizing twice is harmless.
   */
  finalize(): Promise<void> {
    // After a close or a crash there is nothing left to free.
    if (!this.#calls.isOpen) return Promise.resolve();
    return this.#calls.exclusively(undefined, () => this.#calls.finalize(this.#prepared));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.finalize();
  }

  /** The same when it is its turn. */
  leave(): Promise<void> {
    return this.#calls.exclusively(undefined, async () => {
      if (!this.#prepared.isFinalized && this.#prepared.isPaused) {
        await this.#calls.reset(this.#prepared, undefined);
      }
    });
  }

  #createCollector(): RowCollector {
    return new RowCollector(this.#prepared, this.#view.shape, Number.POSITIVE_INFINITY);
  }

  #collect(collector: RowCollector, parameters: Parameters): Promise<void> {
    const { signal } = this.#view;
    return this.#calls.exclusively(signal, async () => {
      await this.#calls.begin(this.#prepared, parameters, signal);
      const isEnded = await this.#calls.run(this.#prepared, collector, signal);
      if (!isEnded) await this.#calls.reset(this.#prepared, signal);
    });
  }
}

const NO_ROWS = { take: (): boolean => true, clear: (): void => undefined };
