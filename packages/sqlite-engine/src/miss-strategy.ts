/**
 * How a call into SQLite waits for what is not here. Two ways, one contract, one test suite:
 *
 * - **suspend** (JSPI): the WASM stack is suspended in the middle of `xRead` and goes on when the
 *   page has come. A miss costs only itself. suspend-strategy.ts
 * - **rerun** (everywhere else): the read answers `SQLITE_BUSY`, the statement is abandoned, what
 *   it missed is fetched, and it runs again, until it has run without a miss. Rows are held back
 *   until then, and a statement that writes runs inside a savepoint. rerun-strategy.ts
 *
 * The contract: at most one call is in the instance (the queue of `EngineInstance` sees to it); a
 * call answers as if every page had been here all along; when waiting fails, the call fails.
 */
import type { CallContext, EngineCore, RowSink } from "./engine-core.ts";
import type { MissEntries } from "./install-vfs.ts";
import { RerunStrategy } from "./rerun-strategy.ts";
import type { Pointer } from "./sqlite-exports.ts";
import type { RunMode } from "./statement-kind.ts";
import { SuspendStrategy } from "./suspend-strategy.ts";
import { canSuspend } from "./web-assembly.ts";

export type MissStrategyKind = "suspend" | "rerun";

/** A prepared statement, as far as running it is concerned. */
export interface RunnableStatement {
  readonly pointer: Pointer;
  readonly mode: RunMode;
  /** Set when a try held the event loop for too long: it is not worth another. */
  isLong: boolean;
}

export interface MissStrategy {
  readonly kind: MissStrategyKind;

  /** What goes into SQLite's function table. */
  createEntries(): MissEntries;

  /** Called once, when a database is open. */
  onOpen(): void;

  /** `sqlite3_open_v2`, which reads the header of the file. The connection is at `target`. */
  open(name: Pointer, target: Pointer, flags: number, call: CallContext): Promise<number>;

  /** `sqlite3_prepare_v3`, which may read the schema. Answers a result code. */
  prepare(request: PrepareRequest, call: CallContext): Promise<number>;

  /**
   * Like `tryRun` for `prepare`: undefined when the schema, or the answer of a pragma, is not here.
   */
  tryPrepare(request: PrepareRequest): number | undefined;

  /**
   * Runs until the sink is full (`SQLITE_ROW`) or the statement ends (`SQLITE_DONE`). Throws the
   * `SqliteError`; the statement has then been reset. After `SQLITE_ROW` it can be called again to
   * go on, if `canPause`.
   */
  run(statement: RunnableStatement, sink: RowSink, call: CallContext): Promise<number>;

  /**
   * Tries a reading statement without waiting for anything: for the common case that all it needs
   * is here. Undefined when it is not, or when it would hold the event loop for long: the statement
   * has been reset, and `run` does it. Otherwise like `run`.
   */
  tryRun(statement: RunnableStatement, sink: RowSink): number | undefined;

  /** Whether `run` may be left standing on a row. If not, sinks should take all rows. */
  readonly canPause: boolean;

  /** Ends a statement that stands on a row. Throws when that fails (it may be what commits). */
  reset(statement: RunnableStatement, call: CallContext): Promise<void>;

  /** `sqlite3_finalize`. */
  finalize(statement: Pointer): Promise<void>;

  /** `sqlite3_close_v2`, which rolls back what is open. */
  close(): Promise<void>;
}

export interface PrepareRequest {
  readonly sql: Pointer;
  readonly size: number;
  readonly flags: number;
  /** Where SQLite writes the statement, and behind it the end of what it read. */
  readonly target: Pointer;
}

/** The best strategy of this runtime, unless one is asked for (tests, comparisons). */
export function createMissStrategy(
  core: EngineCore,
  kind: MissStrategyKind = canSuspend() ? "suspend" : "rerun",
): MissStrategy {
  return kind === "suspend" ? new SuspendStrategy(core) : new RerunStrategy(core);
}
