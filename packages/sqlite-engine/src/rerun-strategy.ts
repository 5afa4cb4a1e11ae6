/**
 * Waiting without JSPI: a read that misses answers `SQLITE_BUSY`, the run is abandoned, what it
 * missed is fetched, and the statement runs again. **A run with a miss is never believed**,
 * whatever it answered.
 *
 *     read          run ──miss──▶ reset, forget its rows, fetch ──▶ run …            ──▶ rows
 *     write         SAVEPOINT, run ──miss──▶ reset, ROLLBACK TO, fetch ──▶ run …     ──▶ RELEASE
 *     bare          as read: all or nothing by itself, in autocommit (VACUUM, PRAGMA journal_mode)
 *     transaction   as read: COMMIT that answers BUSY has changed nothing and is called again
 *
 * The savepoint is what makes a write safe: SQLite opens no statement journal for a statement that
 * it believes cannot fail, so an abandoned UPDATE would leave its first half behind.
 *
 * One case cannot be run again: COMMIT with `auto_vacuum = FULL` reads pages while it commits, and
 * a miss there makes SQLite roll back the whole transaction. It fails with `SQLITE_BUSY_SNAPSHOT`:
 * the pages are fetched, and the transaction may be run again.
 *
 * NOTE: `changes()` inside a statement that missed sees 0: an abandoned run resets it.
 */
import type { CallContext, EngineCore, RowSink } from "./engine-core.ts";
import type { Miss } from "./facade-vfs.ts";
import type { MissEntries } from "./install-vfs.ts";
import type { MissStrategy, PrepareRequest, RunnableStatement } from "./miss-strategy.ts";
import { READ_SIGNATURE } from "./read-shim.ts";
import * as code from "./result-codes.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { Pointer } from "./sqlite-exports.ts";
import { createTrampolines } from "./trampolines.ts";
import { MISS } from "./vfs.ts";
import { waitForMiss } from "./wait-for-miss.ts";

/** The same bytes fetched this often in a row and still missing: a broken `Vfs`. */
const FETCHES_MAX = 16;
const SAVEPOINT = '"graft rerun"';

type ControlSql = `SAVEPOINT ${string}` | `ROLLBACK${string}` | `RELEASE ${string}`;

export class RerunStrategy implements MissStrategy {
  readonly kind = "rerun";
  readonly canPause = false;
  readonly #core: EngineCore;
  readonly #runLoop: (statement: Pointer) => number;
  readonly #controls: Map<ControlSql, Pointer> = new Map();
  #misses: Miss[] = [];

  constructor(core: EngineCore) {
    this.#core = core;
    this.#runLoop = core.rowLoop as unknown as (statement: Pointer) => number;
  }

  createEntries(): MissEntries {
    const { missing } = this.#core.facade;
    return createTrampolines({
      xRead: {
        signature: READ_SIGNATURE,
        body: (file: number, target: number, size: number, offset: bigint) =>
          this.#note(missing.xRead(file, target, size, offset)),
      },
      xFileControl: {
        signature: "iii",
        body: (file: number, operation: number, argument: number) =>
          this.#note(missing.xFileControl(file, operation, argument)),
      },
    });
  }

  onOpen(): void {
    // Nothing can give way or be aborted in the middle of a run: no progress handler.
  }

  open(name: Pointer, target: Pointer, flags: number, call: CallContext): Promise<number> {
    const { exports, heap } = this.#core;
    return this.#repeat({
      call,
      attempt: () => exports.sqlite3_open_v2(name, target, flags, 0),
      undo: () => void exports.sqlite3_close_v2(heap.readWord(target)),
    });
  }

  prepare(request: PrepareRequest, call: CallContext): Promise<number> {
    const { exports, heap, database } = this.#core;
    const { sql, size, flags, target } = request;
    return this.#repeat({
      call,
      attempt: () => exports.sqlite3_prepare_v3(database, sql, size, flags, target, target + 4),
      undo: () => void exports.sqlite3_finalize(heap.readWord(target)),
    });
  }

  tryPrepare({ sql, size, flags, target }: PrepareRequest): number | undefined {
    const { exports, heap, database } = this.#core;
    const answer = exports.sqlite3_prepare_v3(database, sql, size, flags, target, target + 4);
    if (this.#misses.length === 0) return answer;
    this.#misses = [];
    exports.sqlite3_finalize(heap.readWord(target));
    return undefined;
  }

  async run(statement: RunnableStatement, sink: RowSink, call: CallContext): Promise<number> {
    this.#core.sink = sink;
    if (statement.mode === "write")
      return await this.#runInSavepoint(statement.pointer, sink, call);
    const { exports } = this.#core;
    const answer =
      statement.mode === "transaction"
        ? await this.#runTransactionControl(statement.pointer, call)
        : await this.#repeat({
            call,
            attempt: () => this.#runLoop(statement.pointer),
            undo: () => {
              exports.sqlite3_reset(statement.pointer);
              sink.clear();
            },
            onFailure: (failure) => this.#rollBackAfter(failure.code, call),
          });
    if (answer === code.SQLITE_ROW || answer === code.SQLITE_DONE) return answer;
    const error = this.#core.createError(answer);
    exports.sqlite3_reset(statement.pointer);
    throw error;
  }

  tryRun(statement: RunnableStatement, sink: RowSink): number | undefined {
    const { exports } = this.#core;
    this.#core.sink = sink;
    const answer = this.#runLoop(statement.pointer);
    if (this.#misses.length > 0) {
      this.#misses = [];
      exports.sqlite3_reset(statement.pointer);
      sink.clear();
      return undefined;
    }
    if (!isError(answer)) return answer;
    const error = this.#core.createError(answer);
    exports.sqlite3_reset(statement.pointer);
    throw error;
  }

  async reset(statement: RunnableStatement, _call: CallContext): Promise<void> {
    this.#core.exports.sqlite3_reset(statement.pointer);
  }

  async finalize(statement: Pointer): Promise<void> {
    this.#core.exports.sqlite3_finalize(statement);
  }

  async close(): Promise<void> {
    // Finalized already, with all other statements: a second time would free them twice.
    this.#controls.clear();
    this.#core.exports.sqlite3_close_v2(this.#core.database);
  }

  async #runInSavepoint(statement: Pointer, sink: RowSink, call: CallContext): Promise<number> {
    const { exports, database } = this.#core;
    const progress = new Progress();
    for (;;) {
      const isOutermost = this.#core.isAutocommit;
      const rowid = exports.sqlite3_last_insert_rowid(database);
      this.#control(`SAVEPOINT ${SAVEPOINT}`);
      let answer = this.#runLoop(statement);
      if (this.#misses.length === 0 && isError(answer)) {
        throw this.#endFailedWrite(statement, answer, isOutermost);
      }
      if (this.#misses.length === 0) {
        // A statement that stands on a row would keep its savepoint from being released.
        exports.sqlite3_reset(statement);
        answer = await this.#release(answer, isOutermost, call);
        if (this.#misses.length === 0) return answer;
      }
      exports.sqlite3_reset(statement);
      sink.clear();
      this.#core.journal?.restart();
      this.#undo(isOutermost);
      exports.sqlite3_set_last_insert_rowid(database, rowid);
      await this.#fetch(progress, call, (failure) => this.#rollBackAfter(failure.code, call));
    }
  }

  /**
   * Makes the statement's work part of the transaction, or, where there was none, commits. Leaves
   * misses behind when the work was lost on the way and the statement has to run again.
   */
  async #release(answer: number, isOutermost: boolean, call: CallContext): Promise<number> {
    const { exports, facade } = this.#core;
    const progress = new Progress();
    const release = this.#mustPrepare(`RELEASE ${SAVEPOINT}`);
    for (;;) {
      const unlocksBefore = facade.unlockCount;
      const released = this.#runLoop(release);
      if (released === code.SQLITE_DONE) {
        this.#misses = [];
        exports.sqlite3_reset(release);
        return answer;
      }
      const error = this.#core.createError(released);
      exports.sqlite3_reset(release);
      if (this.#misses.length === 0) {
        this.#undo(isOutermost);
        throw error;
      }
      if (facade.unlockCount !== unlocksBefore) return answer;
      try {
        await this.#fetch(progress, call);
      } catch (failure) {
        this.#undo(isOutermost);
        throw failure;
      }
    }
  }

  /** What SQLite would have done after this error, had the statement run without our savepoint. */
  #endFailedWrite(statement: Pointer, answer: number, isOutermost: boolean): SqliteError {
    const { exports, database } = this.#core;
    const error = this.#core.createError(answer);
    exports.sqlite3_reset(statement);
    if (this.#core.isAutocommit) return error;
    // OR FAIL keeps the rows before the failing one; every other conflict leaves no change behind.
    const keepsRows = exports.sqlite3_changes64(database) > 0n;
    if (isOutermost && !keepsRows) this.#control("ROLLBACK");
    else this.#control(`RELEASE ${SAVEPOINT}`);
    return error;
  }

  /** Takes back what happened since the savepoint, and ends it. */
  #undo(isOutermost: boolean): void {
    // A failed commit may have ended the transaction already.
    if (this.#core.isAutocommit) return;
    if (isOutermost) {
      this.#control("ROLLBACK");
      return;
    }
    this.#control(`ROLLBACK TO ${SAVEPOINT}`);
    this.#control(`RELEASE ${SAVEPOINT}`);
  }

  /** BEGIN, COMMIT, …: what ended well is believed, since it cannot be done twice. */
  async #runTransactionControl(statement: Pointer, call: CallContext): Promise<number> {
    const { exports, facade } = this.#core;
    const progress = new Progress();
    for (;;) {
      const isInside = !this.#core.isAutocommit;
      const unlocksBefore = facade.unlockCount;
      const answer = this.#runLoop(statement);
      if (answer === code.SQLITE_DONE) this.#misses = [];
      if (this.#misses.length === 0) return answer;
      exports.sqlite3_reset(statement);
      const isLost = isInside && facade.unlockCount !== unlocksBefore;
      if (isLost && !this.#core.isAutocommit) this.#control("ROLLBACK");
      await this.#fetch(progress, call);
      if (isLost) {
        throw new SqliteError(
          code.SQLITE_BUSY_SNAPSHOT,
          "COMMIT with auto_vacuum needed a page that was not here, and was rolled back; " +
            "run the transaction again",
        );
      }
    }
  }

  /** Attempts, and after a miss undoes, fetches and attempts again. */
  async #repeat(repeatable: Repeatable): Promise<number> {
    const progress = new Progress();
    for (;;) {
      const answer = repeatable.attempt();
      if (this.#misses.length === 0) return answer;
      repeatable.undo();
      await this.#fetch(progress, repeatable.call, repeatable.onFailure);
    }
  }

  /**
   * Fetches all that the last run missed. Throws the `SqliteError` a stock read would have caused.
   */
  async #fetch(
    progress: Progress,
    call: CallContext,
    onFailure?: (failure: SqliteError) => void,
  ): Promise<void> {
    const misses = this.#misses;
    this.#misses = [];
    const { facade } = this.#core;
    const { signal, owner } = call;
    const request = { signal, rerunCount: progress.note(misses), owner };
    try {
      if (progress.isStuck) {
        throw new Error(`missing after ${FETCHES_MAX} fetches: ${misses[0]?.key}`);
      }
      await Promise.all(misses.map((miss) => waitForMiss(miss, request)));
    } catch (error) {
      const isAborted = signal.aborted;
      const answer = facade.fail(error, isAborted ? code.SQLITE_INTERRUPT : code.SQLITE_IOERR);
      const failure = this.#core.createError(call.writes ? code.toRollbackCode(answer) : answer);
      onFailure?.(failure);
      throw failure;
    }
  }

  /** A failed read ends the transaction in SQLite; here nothing was running when it failed. */
  #rollBackAfter(answer: number, call: CallContext): void {
    if (this.#core.isAutocommit || code.toRollbackCode(answer) !== answer) return;
    if (!call.writes && code.primaryCode(answer) === code.SQLITE_INTERRUPT) return;
    this.#control("ROLLBACK");
  }

  /** Notes a miss and turns it into what SQLite understands. */
  #note(answer: number): number {
    if (answer !== MISS) return answer;
    this.#misses.push(this.#core.facade.takeMiss());
    return code.SQLITE_BUSY;
  }

  /** Runs a statement that touches no page which is not here already. */
  #control(sql: ControlSql): void {
    const statement = this.#mustPrepare(sql);
    const answer = this.#runLoop(statement);
    const error = answer === code.SQLITE_DONE ? undefined : this.#core.createError(answer);
    this.#core.exports.sqlite3_reset(statement);
    if (error !== undefined) throw error;
  }

  #mustPrepare(sql: ControlSql): Pointer {
    const known = this.#controls.get(sql);
    if (known !== undefined) return known;
    const { exports, heap, database } = this.#core;
    const text = heap.createText(exports, sql);
    const target = exports.sqlite3_malloc(8);
    if (text === undefined || target === 0) throw this.#core.createError(code.SQLITE_NOMEM);
    const answer = exports.sqlite3_prepare_v3(database, text.pointer, text.size, 1, target, 0);
    const statement = heap.readWord(target);
    exports.sqlite3_free(text.pointer);
    exports.sqlite3_free(target);
    if (answer !== code.SQLITE_OK) throw this.#core.createError(answer);
    this.#controls.set(sql, statement);
    return statement;
  }
}

interface Repeatable {
  readonly call: CallContext;
  readonly attempt: () => number;
  readonly undo: () => void;
  readonly onFailure?: (failure: SqliteError) => void;
}

/** Counts reruns, and notices when they lead nowhere. */
class Progress {
  #rerunCount = 0;
  #lastKey = "";
  #repeats = 0;

  /** Counts a run that missed, and answers how many there were before it. */
  note(misses: readonly Miss[]): number {
    const key = misses[0]?.key ?? "";
    this.#repeats = key === this.#lastKey ? this.#repeats + 1 : 0;
    this.#lastKey = key;
    return this.#rerunCount++;
  }

  get isStuck(): boolean {
    return this.#repeats >= FETCHES_MAX;
  }
}

function isError(answer: number): boolean {
  return answer !== code.SQLITE_ROW && answer !== code.SQLITE_DONE;
}
