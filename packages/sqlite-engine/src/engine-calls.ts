/**
 * Calls into one instance: what `EngineInstance`, `Statement` and `RowIterator` are made of.
 * Everything that enters SQLite does so inside `exclusively`.
 */
import { GraftError } from "@graft/core";
import { CallQueue } from "./call-queue.ts";
import type { CallContext, EngineCore, RowSink } from "./engine-core.ts";
import type { MissStrategy } from "./miss-strategy.ts";
import type { Parameters } from "./parameters.ts";
import { PreparedStatement } from "./prepared-statement.ts";
import * as code from "./result-codes.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { Pointer } from "./sqlite-exports.ts";
import type { StatementJournal, StatementRun } from "./statement-journal.ts";

/** SQL in the heap, not yet compiled. `end` is the position behind it, where its NUL is. */
export interface SqlText {
  readonly pointer: Pointer;
  readonly end: Pointer;
}

/** A statement made of the beginning of a text, and the rest of the text. */
export interface CompiledText {
  /** Undefined when the text held only blanks and comments. */
  readonly statement: PreparedStatement | undefined;
  readonly rest: SqlText;
}

/** For a statement that is kept. */
export const PREPARE_PERSISTENT = 0x1;

const LIMIT_LIKE_PATTERN_LENGTH = 8;
/**
 * Longest pattern of LIKE and GLOB, in bytes. SQLite recurses once for each `%` followed by
 * something, and the stack of a WASM runtime ends after 7,400 of them; stock allows 50,000 bytes.
 */
export const LIKE_PATTERN_SIZE_MAX = 5000;

/** Two pointers: the statement, and the end of its text. */
const TARGET_SIZE = 8;
const ONE_ROW: RowSink = { take: () => false, clear: () => undefined };
const NEVER: AbortSignal = new AbortController().signal;

export class EngineCalls {
  readonly core: EngineCore;
  readonly strategy: MissStrategy;
  readonly #queue: CallQueue = new CallQueue();
  readonly #target: Pointer;
  /**
   * Compiled for callers, and not freed: `sqlite3_next_stmt` would tell of those of virtual tables
   * too, which free them themselves.
   */
  readonly #statements: Set<Pointer> = new Set();
  #state: { kind: "open" } | { kind: "closed" } | { kind: "broken"; cause: unknown } = {
    kind: "open",
  };

  constructor(core: EngineCore, strategy: MissStrategy) {
    this.core = core;
    this.strategy = strategy;
    this.#target = core.exports.sqlite3_malloc(TARGET_SIZE);
  }

  get isRunning(): boolean {
    return this.#queue.isBusy;
  }

  get callCount(): number {
    return this.#queue.count;
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  get isBroken(): boolean {
    return this.#state.kind === "broken";
  }

  /** Throws unless the instance can take calls. */
  assertOpen(): void {
    switch (this.#state.kind) {
      case "open":
        return;
      case "closed":
        throw new GraftError("invalid-argument", "this connection is closed; open another");
      case "broken":
        throw brokenError(this.#state.cause);
    }
  }

  /**
   * Runs a task when no other call is in the instance. Whatever it throws that is neither SQLite's
   * nor ours came out of the middle of SQLite: its memory can no longer be trusted.
   */
  exclusively<Result>(
    signal: AbortSignal | undefined,
    task: () => Promise<Result>,
  ): Promise<Result> {
    return this.#queue.run(signal, async () => {
      this.assertOpen();
      try {
        return await task();
      } catch (error) {
        throw this.toCallError(error, signal);
      }
    });
  }

  /** Opens the database; the connection is closed again when that fails. */
  async open(filename: string, flags: number): Promise<void> {
    const { exports, heap, facade } = this.core;
    const name = this.createSqlText(filename);
    const call = callContext("read", undefined);
    const answer = await this.strategy.open(name.pointer, this.#target, flags, call);
    exports.sqlite3_free(name.pointer);
    this.core.database = heap.readWord(this.#target);
    if (answer === code.SQLITE_OK) {
      exports.sqlite3_limit(this.core.database, LIMIT_LIKE_PATTERN_LENGTH, LIKE_PATTERN_SIZE_MAX);
      return this.strategy.onOpen();
    }
    const error = this.core.createError(answer);
    await this.strategy.close();
    facade.closeAll();
    throw error;
  }

  /** Copies a text into the heap. Free its pointer with `freeSqlText`. */
  createSqlText(sql: string): SqlText {
    const text = this.core.heap.createText(this.core.exports, sql);
    if (text === undefined) throw this.core.createError(code.SQLITE_NOMEM);
    return { pointer: text.pointer, end: text.pointer + text.size };
  }

  freeSqlText(text: SqlText): void {
    if (this.isOpen) this.core.exports.sqlite3_free(text.pointer);
  }

  /** Compiles the first statement of a text. */
  async compile(
    text: SqlText,
    flags: number,
    signal: AbortSignal | undefined,
    owner?: object,
  ): Promise<CompiledText> {
    const { core } = this;
    const request = {
      sql: text.pointer,
      size: text.end - text.pointer,
      flags,
      target: this.#target,
    };
    const answer =
      this.strategy.tryPrepare(request) ??
      (await this.strategy.prepare(request, callContext("read", signal, owner)));
    if (answer !== code.SQLITE_OK) throw core.createError(answer);
    const pointer = core.heap.readWord(this.#target);
    const rest = { pointer: core.heap.readWord(this.#target + 4), end: text.end };
    if (pointer === 0) return { statement: undefined, rest };
    const sql = core.heap.decodeText(text.pointer, rest.pointer - text.pointer);
    return { statement: this.#own(pointer, sql), rest };
  }

  /**
   * Begins a use of a statement: nothing of an earlier one is left. Answers the number of the use.
   */
  async begin(
    statement: PreparedStatement,
    parameters: Parameters,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (statement.isPaused) await this.reset(statement, signal);
    return statement.begin(parameters);
  }

  /**
   * Runs a reading statement at once, without a promise, and ends it. False when somebody else is
   * in the instance, or when it would have to wait: nothing has happened then.
   */
  tryRun(
    statement: PreparedStatement,
    sink: RowSink,
    parameters: Parameters,
    signal: AbortSignal | undefined,
  ): boolean {
    const isFit = statement.mode === "read" && !statement.isPaused && !statement.isLong;
    if (!isFit || !this.isOpen || signal?.aborted === true || !this.#queue.tryEnter()) return false;
    try {
      statement.begin(parameters);
      if (this.strategy.tryRun(statement, sink) === undefined) return false;
      this.core.exports.sqlite3_reset(statement.pointer);
      const failure = this.core.takeSinkFailure();
      if (failure !== undefined) throw failure;
      return true;
    } catch (error) {
      throw this.toCallError(error, signal);
    } finally {
      this.#queue.leave();
    }
  }

  /**
   * Runs a reading statement to its first row and leaves it there, at once. False when somebody
   * else is in the instance, or when there is no row, or it is not here.
   */
  tryStand(statement: PreparedStatement): boolean {
    if (statement.isPaused) return true;
    if (statement.mode !== "read" || !this.isOpen || !this.#queue.tryEnter()) return false;
    try {
      statement.begin([]);
      const answer = this.strategy.tryRun(statement, ONE_ROW);
      statement.isPaused = answer === code.SQLITE_ROW;
      if (!statement.isPaused) this.core.exports.sqlite3_reset(statement.pointer);
      return statement.isPaused;
    } catch (error) {
      throw this.toCallError(error, undefined);
    } finally {
      this.#queue.leave();
    }
  }

  /** Ends what `tryStand` began, at once. False when somebody else is in the instance. */
  tryLeave(statement: PreparedStatement): boolean {
    if (!statement.isPaused || !this.isOpen) return true;
    if (!this.#queue.tryEnter()) return false;
    statement.isPaused = false;
    this.core.exports.sqlite3_reset(statement.pointer);
    this.#queue.leave();
    return true;
  }

  /** Compiles a text of one statement at once; undefined when it would have to wait. */
  tryCompile(sql: string): PreparedStatement | undefined {
    if (!this.isOpen || !this.#queue.tryEnter()) return undefined;
    const text = this.createSqlText(sql);
    try {
      const { core } = this;
      const [pointer, size] = [text.pointer, text.end - text.pointer];
      const request = { sql: pointer, size, flags: PREPARE_PERSISTENT, target: this.#target };
      const answer = this.strategy.tryPrepare(request);
      if (answer === undefined) return undefined;
      if (answer !== code.SQLITE_OK) throw core.createError(answer);
      return this.#own(core.heap.readWord(this.#target), sql);
    } catch (error) {
      throw this.toCallError(error, undefined);
    } finally {
      this.freeSqlText(text);
      this.#queue.leave();
    }
  }

  /** Runs a statement until it ends or the sink is full. Answers whether it has ended. */
  async run(
    statement: PreparedStatement,
    sink: RowSink,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { journal } = this.core;
    if (journal !== undefined && statement.mode !== "read" && !statement.isPaused) {
      return await this.#runTold(journal, statement, statement.mode, () =>
        this.#run(statement, sink, signal),
      );
    }
    return await this.#run(statement, sink, signal);
  }

  async #run(
    statement: PreparedStatement,
    sink: RowSink,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    statement.isPaused = false;
    const { mode, owner } = statement;
    const answer = await this.strategy.run(statement, sink, callContext(mode, signal, owner));
    statement.isPaused = answer === code.SQLITE_ROW;
    const failure = this.core.takeSinkFailure();
    if (failure !== undefined) {
      await this.reset(statement, signal);
      throw failure;
    }
    if (!statement.isPaused) this.core.exports.sqlite3_reset(statement.pointer);
    return !statement.isPaused;
  }

  async #runTold(
    journal: StatementJournal,
    { sql, parameters }: PreparedStatement,
    mode: StatementRun["mode"],
    run: () => Promise<boolean>,
  ): Promise<boolean> {
    const { core } = this;
    const changesBefore = core.exports.sqlite3_total_changes64(core.database);
    journal.begin({ sql, mode, parameters, isInTransaction: !core.isAutocommit });
    try {
      const isEnded = await run();
      journal.end("done");
      return isEnded;
    } catch (error) {
      const changes = core.exports.sqlite3_total_changes64(core.database);
      journal.end(changes === changesBefore ? "failed" : "partly");
      throw error;
    }
  }

  /** Ends a use of a statement that stands on a row. */
  async reset(statement: PreparedStatement, signal: AbortSignal | undefined): Promise<void> {
    statement.isPaused = false;
    await this.strategy.reset(statement, callContext(statement.mode, signal));
  }

  /** Frees a statement, in whatever state. */
  async finalize(statement: PreparedStatement): Promise<void> {
    if (!this.isOpen || statement.isFinalized) return;
    const pointer = statement.release();
    this.#statements.delete(pointer);
    if (statement.isPaused) await this.strategy.finalize(pointer);
    // A statement that has ended touches no page any more.
    else this.core.exports.sqlite3_finalize(pointer);
  }

  #own(pointer: Pointer, sql: string): PreparedStatement {
    this.#statements.add(pointer);
    return new PreparedStatement(this.core, pointer, sql);
  }

  /** Frees all statements, rolls back, closes. Harmless when closed or broken. */
  close(): Promise<void> {
    return this.#queue.run(undefined, async () => {
      if (!this.isOpen) return;
      const { facade } = this.core;
      try {
        for (const statement of this.#statements) await this.strategy.finalize(statement);
        this.#statements.clear();
        await this.strategy.close();
        this.#state = { kind: "closed" };
      } catch (error) {
        throw this.toCallError(error, undefined);
      } finally {
        facade.closeAll();
      }
    });
  }

  /**
   * What the caller gets to see; marks the instance broken when the error came out of a trap. What
   * it has answered may be given to it again.
   */
  toCallError(error: unknown, signal: AbortSignal | undefined): unknown {
    if (error instanceof SqliteError) {
      const isAbort = error.primaryCode === code.SQLITE_INTERRUPT && signal?.aborted === true;
      return isAbort ? signal.reason : error;
    }
    const isTranslated = signal?.aborted === true && error === signal.reason;
    if (error instanceof GraftError || isTranslated) return error;
    this.#state = { kind: "broken", cause: error };
    this.core.facade.closeAll();
    return brokenError(error);
  }
}

function callContext(
  mode: PreparedStatement["mode"],
  signal: AbortSignal | undefined,
  owner?: object,
): CallContext {
  return { signal: signal ?? NEVER, writes: mode !== "read", owner };
}

function brokenError(cause: unknown): GraftError {
  return new GraftError(
    "internal",
    "SQLite crashed in this connection and its memory cannot be trusted; open another connection",
    { cause },
  );
}
