import type { Clock, Random } from "@graft/core";
import { FacadeVfs } from "./facade-vfs.ts";
import type { Heap } from "./heap.ts";
import type { Engine } from "./load-engine.ts";
import { instantiateEngine } from "./load-engine.ts";
import { primaryCode, SQLITE_INTERRUPT } from "./result-codes.ts";
import { createRowLoop } from "./row-loop.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { Pointer, SqliteExports } from "./sqlite-exports.ts";
import type { StatementJournal } from "./statement-journal.ts";
import type { Vfs } from "./vfs.ts";
import type { WasmFunction } from "./web-assembly.ts";

/** Takes the rows of a running statement. */
export interface RowSink {
  /** The statement stands on a row; false: no more for now. Reads only the current row. */
  take(statement: Pointer): boolean;
  /** The run did not count: all rows taken in it are wrong. */
  clear(): void;
}

/** What holds for the call that is now in the instance. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** Whether half of what the call does would be wrong to keep. */
  readonly writes: boolean;
  /** On whose behalf: see `FetchRequest`. */
  readonly owner?: object | undefined;
}

/** What a call needs when nothing is running: neither rows nor an abort. */
const NO_ROWS: RowSink = { take: () => false, clear: () => undefined };

/**
 * One WASM instance with its facade VFS, and the few facts that all parts of an engine instance
 * share: the connection, who takes the rows, and what the current call may do.
 */
export class EngineCore {
  readonly exports: SqliteExports;
  readonly heap: Heap;
  readonly facade: FacadeVfs;
  readonly clock: Clock;
  /** `run(statement)`: row-loop.ts. Its rows go to `sink`. */
  readonly rowLoop: WasmFunction;
  /** Bytes from one value of a row to the next: value-layout.ts. */
  valueStride: number | undefined;
  /** `sqlite3 *`; 0 before open and after close. */
  database: Pointer = 0;
  sink: RowSink = NO_ROWS;
  /** Told of what may change something; undefined: nobody asks. */
  journal: StatementJournal | undefined;
  #sinkFailure: unknown;

  constructor(raw: { exports: SqliteExports; heap: Heap }, facade: FacadeVfs, clock: Clock) {
    this.exports = raw.exports;
    this.heap = raw.heap;
    this.facade = facade;
    this.clock = clock;
    this.rowLoop = createRowLoop(raw.exports.sqlite3_step, (statement) => this.#takeRow(statement));
  }

  static async create(
    engine: Engine,
    options: { vfs: Vfs; clock: Clock; random: Random; heapMaxBytes?: number | undefined },
  ): Promise<EngineCore> {
    const raw = await instantiateEngine(engine, options);
    return new EngineCore(raw, new FacadeVfs({ ...raw, ...options }), options.clock);
  }

  /** Whether no transaction is open. */
  get isAutocommit(): boolean {
    return this.exports.sqlite3_get_autocommit(this.database) !== 0;
  }

  /** What SQLite says about its last failure; call it before anything else enters the instance. */
  createError(code: number): SqliteError {
    const { exports, heap, database } = this;
    // A code that did not come out of SQLite (a failed fetch between two runs) has no message
    // there.
    const isLast = database !== 0 && exports.sqlite3_extended_errcode(database) === code;
    const message = isLast ? exports.sqlite3_errmsg(database) : exports.sqlite3_errstr(code);
    const offset = isLast ? exports.sqlite3_error_offset(database) : -1;
    const text = heap.decodeCString(message) ?? `SQLite answered ${code}`;
    const cause = this.facade.takeFailure();
    // SQLite knows that it was interrupted, not why.
    const says = primaryCode(code) === SQLITE_INTERRUPT && cause instanceof Error;
    return new SqliteError(code, says ? `${text}: ${cause.message}` : text, {
      ...(offset >= 0 && { offset }),
      cause,
    });
  }

  /** What a sink threw during the last run, if anything. Taken once. */
  takeSinkFailure(): unknown {
    const failure = this.#sinkFailure;
    this.#sinkFailure = undefined;
    return failure;
  }

  /** Nothing may be thrown through SQLite's stack. */
  #takeRow(statement: Pointer): number {
    try {
      return this.sink.take(statement) ? 1 : 0;
    } catch (error) {
      this.#sinkFailure = error;
      return 0;
    }
  }
}
