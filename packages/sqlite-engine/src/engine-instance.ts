import type { Clock, Random } from "@graft/core";
import { GraftError } from "@graft/core";
import { EngineCalls, PREPARE_PERSISTENT } from "./engine-calls.ts";
import { EngineCore } from "./engine-core.ts";
import { installVfs } from "./install-vfs.ts";
import type { Engine } from "./load-engine.ts";
import type { MissStrategyKind } from "./miss-strategy.ts";
import { createMissStrategy } from "./miss-strategy.ts";
import { defineRandomFunctions } from "./random-functions.ts";
import type { SqlRow } from "./row-reader.ts";
import { Statement } from "./statement.ts";
import type { StatementJournal } from "./statement-journal.ts";
import { isBlankSql } from "./statement-kind.ts";
import { valueStrideOf } from "./value-layout.ts";
import { toNumber } from "./values.ts";
import type { Vfs } from "./vfs.ts";

const OPEN_READONLY = 0x1;
const OPEN_READWRITE_CREATE = 0x6;
const OPEN_EXTENDED_CODES = 0x0200_0000;

/** What `EngineInstance.open` needs. */
export interface EngineInstanceOptions {
  /** The files. Used by this connection alone. */
  readonly vfs: Vfs;
  /** Name of the main file, handed to the `Vfs` as it is. `:memory:` is SQLite's own. */
  readonly filename: string;
  readonly readOnly?: boolean;
  /** Time for SQL's date functions, and for giving way to the event loop. */
  readonly clock: Clock;
  /** Entropy for SQL's `random()` and rowids. */
  readonly random: Random;
  /** Most memory for SQLite, 8 MiB to 2 GiB (the default). Beyond it: `SQLITE_NOMEM`. */
  readonly heapMaxBytes?: number;
  /** Chosen by what the runtime can do, unless given. */
  readonly missStrategy?: MissStrategyKind;
  /** Told of all that may change something, and asked for the chance of `random()`. */
  readonly journal?: StatementJournal;
}

/** Who may stop a call. */
export interface CallOptions {
  /** When aborted the call rejects with its reason; the connection stays usable. */
  readonly signal?: AbortSignal;
}

export interface PrepareOptions extends CallOptions {
  /** See `Statement.setOwner`; for the compiling too. */
  readonly owner?: object;
}

/**
 * One WASM instance with one connection. Calls enter it one at a time, in the order in which they
 * were made. After SQLite itself has crashed (`isBroken`) every call is refused: throw the instance
 * away.
 */
export class EngineInstance {
  readonly #calls: EngineCalls;

  private constructor(calls: EngineCalls) {
    this.#calls = calls;
  }

  /**
   * Instantiates the engine and opens a database in it. Throws `SqliteError`, `invalid-argument`.
   */
  static async open(engine: Engine, options: EngineInstanceOptions): Promise<EngineInstance> {
    const core = await EngineCore.create(engine, options);
    const strategy = createMissStrategy(core, options.missStrategy);
    installVfs(core, strategy.createEntries());
    core.valueStride = valueStrideOf(engine.module, core.exports, core.heap);
    const calls = new EngineCalls(core, strategy);
    const access = options.readOnly === true ? OPEN_READONLY : OPEN_READWRITE_CREATE;
    await calls.open(options.filename, access | OPEN_EXTENDED_CODES);
    if (options.journal !== undefined) {
      defineRandomFunctions(core, options.journal);
      core.journal = options.journal;
    }
    return new EngineInstance(calls);
  }

  /** How this instance waits for pages: "suspend" with JSPI, else "rerun". */
  get missStrategy(): MissStrategyKind {
    return this.#calls.strategy.kind;
  }

  /** Whether a call is inside SQLite. */
  get isRunning(): boolean {
    return this.#calls.isRunning;
  }

  /** Calls that entered SQLite so far. */
  get callCount(): number {
    return this.#calls.callCount;
  }

  /** Whether SQLite crashed in it. */
  get isBroken(): boolean {
    return this.#calls.isBroken;
  }

  /** Whether a transaction is open, by `BEGIN` or `SAVEPOINT`. False when closed or broken. */
  get inTransaction(): boolean {
    return this.#calls.isOpen && !this.#calls.core.isAutocommit;
  }

  /** Rows changed by the last INSERT, UPDATE or DELETE. */
  get changes(): number {
    const { exports, database } = this.#openCore();
    return Number(exports.sqlite3_changes64(database));
  }

  /** Rows changed since the connection was opened. */
  get totalChanges(): number {
    const { exports, database } = this.#openCore();
    return Number(exports.sqlite3_total_changes64(database));
  }

  /** Rowid of the last insert; a bigint when a number cannot hold it. */
  get lastInsertRowid(): number | bigint {
    const { exports, database } = this.#openCore();
    return toNumber(exports.sqlite3_last_insert_rowid(database));
  }

  /**
   * Compiles one statement. Throws `SqliteError` with the offset of a syntax error, and
   * `invalid-argument` for a text with no statement or more than one.
   */
  prepare(sql: string, options: PrepareOptions = {}): Promise<Statement<SqlRow>> {
    const calls = this.#calls;
    const { signal, owner } = options;
    return calls.exclusively(signal, async () => {
      const text = calls.createSqlText(sql);
      try {
        const compiled = await calls.compile(text, PREPARE_PERSISTENT, signal, owner);
        const { statement, rest } = compiled;
        if (statement === undefined) {
          throw new GraftError("invalid-argument", "the SQL text contains no statement");
        }
        if (!isBlankSql(calls.core.heap.decodeText(rest.pointer, rest.end - rest.pointer))) {
          await calls.finalize(statement);
          throw new GraftError(
            "invalid-argument",
            "the SQL text contains more than one statement; use exec, or prepare each",
          );
        }
        statement.owner = owner;
        return new Statement(calls, statement, { shape: "object", signal: undefined });
      } catch (error) {
        throw calls.toCallError(error, signal);
      } finally {
        calls.freeSqlText(text);
      }
    });
  }

  /** Like `prepare`, without a promise: undefined when it would have to wait. */
  tryPrepare(sql: string): Statement<SqlRow> | undefined {
    const statement = this.#calls.tryCompile(sql);
    const view = { shape: "object", signal: undefined } as const;
    return statement === undefined ? undefined : new Statement(this.#calls, statement, view);
  }

  /** Runs all statements of a text, one after another; no other call comes in between. */
  exec(sql: string, options: CallOptions = {}): Promise<void> {
    const calls = this.#calls;
    return calls.exclusively(options.signal, async () => {
      const text = calls.createSqlText(sql);
      try {
        let rest = text;
        while (rest.pointer < rest.end) {
          const compiled = await calls.compile(rest, 0, options.signal);
          rest = compiled.rest;
          if (compiled.statement === undefined) continue;
          try {
            await calls.run(compiled.statement, ALL_ROWS_DROPPED, options.signal);
          } catch (error) {
            throw calls.toCallError(error, options.signal);
          } finally {
            await calls.finalize(compiled.statement);
          }
        }
      } catch (error) {
        throw calls.toCallError(error, options.signal);
      } finally {
        calls.freeSqlText(text);
      }
    });
  }

  /**
   * Frees all statements, rolls back what is open, closes all files. Waits for calls made before
   * it.
   */
  close(): Promise<void> {
    return this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #openCore(): EngineCore {
    this.#calls.assertOpen();
    return this.#calls.core;
  }
}

const ALL_ROWS_DROPPED = { take: (): boolean => true, clear: (): void => undefined };
