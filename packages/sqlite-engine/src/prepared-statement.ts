import { GraftError } from "@graft/core";
import type { EngineCore } from "./engine-core.ts";
import type { RunnableStatement } from "./miss-strategy.ts";
import type { Parameters } from "./parameters.ts";
import { copyParameters, ParameterMap } from "./parameters.ts";
import type { RowReader, RowShape } from "./row-reader.ts";
import { createRowReader } from "./row-reader.ts";
import type { Pointer } from "./sqlite-exports.ts";
import type { RunMode } from "./statement-kind.ts";
import { runModeOf } from "./statement-kind.ts";

const STMTSTATUS_REPREPARE = 5;

/**
 * A `sqlite3_stmt` and what is known about it. All `Statement`s that differ in shape or signal only
 * share one of these. Its methods enter the instance: call them inside the queue.
 */
export class PreparedStatement implements RunnableStatement {
  readonly sql: string;
  readonly mode: RunMode;
  readonly #core: EngineCore;
  readonly #readers: Map<RowShape, RowReader> = new Map();
  #pointer: Pointer;
  #parameters: ParameterMap | undefined;
  #readsBigInts = false;
  #reprepareCount = 0;
  #runNumber = 0;
  /** Whether it stands on a row: a reset is due before it can be used again. */
  isPaused = false;
  isLong = false;
  /** On whose behalf it runs. */
  owner: object | undefined;
  /** What is bound; kept for a journal only. */
  parameters: Parameters = [];

  constructor(core: EngineCore, pointer: Pointer, sql: string) {
    this.#core = core;
    this.#pointer = pointer;
    this.sql = sql;
    this.mode = runModeOf(sql, core.exports.sqlite3_stmt_readonly(pointer) !== 0);
  }

  get pointer(): Pointer {
    if (this.#pointer === 0) {
      throw new GraftError("invalid-argument", `this statement is finalized: ${this.sql}`);
    }
    return this.#pointer;
  }

  get isFinalized(): boolean {
    return this.#pointer === 0;
  }

  get readsBigInts(): boolean {
    return this.#readsBigInts;
  }

  set readsBigInts(value: boolean) {
    this.#readsBigInts = value;
    this.#readers.clear();
  }

  /** Counts the uses of the statement: an iterator whose number is not the last has been ended. */
  get runNumber(): number {
    return this.#runNumber;
  }

  /** Begins a new use: the statement must stand on no row. Answers the number of the use. */
  begin(parameters: Parameters): number {
    const { exports } = this.#core;
    const pointer = this.pointer;
    this.#parameters ??= new ParameterMap(this.#core, pointer);
    if (!this.#parameters.covers(parameters)) exports.sqlite3_clear_bindings(pointer);
    this.#parameters.bind(this.#core, pointer, parameters);
    // Copied now: the caller may write into its bytes as soon as it has control again.
    if (this.#core.journal !== undefined && this.mode !== "read") {
      this.parameters = copyParameters(parameters);
    }
    return ++this.#runNumber;
  }

  /** The reader for rows of this shape; call it while the statement stands on a row. */
  reader(shape: RowShape): RowReader {
    // A changed schema makes SQLite compile the statement anew, and `select *` change its columns.
    const { exports } = this.#core;
    const count = exports.sqlite3_stmt_status(this.pointer, STMTSTATUS_REPREPARE, 0);
    if (count !== this.#reprepareCount) {
      this.#reprepareCount = count;
      this.#readers.clear();
    }
    const known = this.#readers.get(shape);
    if (known !== undefined) return known;
    const { heap } = this.#core;
    const names = this.columnNames();
    const reader = createRowReader(shape, {
      exports,
      heap,
      names,
      readsBigInts: this.#readsBigInts,
      valueStride: this.#core.valueStride,
    });
    this.#readers.set(shape, reader);
    return reader;
  }

  columnNames(): string[] {
    const { exports, heap } = this.#core;
    const count = exports.sqlite3_column_count(this.pointer);
    return Array.from({ length: count }, (_, index) =>
      heap.mustDecodeCString(exports.sqlite3_column_name(this.pointer, index)),
    );
  }

  /** Gives the pointer up, for `sqlite3_finalize`. */
  release(): Pointer {
    const pointer = this.#pointer;
    this.#pointer = 0;
    return pointer;
  }
}
