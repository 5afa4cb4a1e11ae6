import type { EngineCalls } from "./engine-calls.ts";
import type { Parameters } from "./parameters.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import * as code from "./result-codes.ts";
import { RowCollector } from "./row-collector.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { StatementView } from "./statement.ts";

/**
 * Rows of the first batch, and of the largest: a reader who stops at once has read little ahead,
 * and a long scan pays for a batch, not for a row.
 */
const BATCH_SIZE_MIN = 1;
const BATCH_SIZE_MAX = 512;

type UnfinishedState =
  | { readonly kind: "new"; readonly parameters: Parameters }
  | { readonly kind: "open"; readonly runNumber: number };
type State = UnfinishedState | { readonly kind: "done" };

/** The rows of one run of a statement: see `Statement.iterate`. */
export class RowIterator<Row> implements AsyncIterableIterator<Row, undefined> {
  readonly #calls: EngineCalls;
  readonly #prepared: PreparedStatement;
  readonly #view: StatementView;
  #state: State;
  #batchSize = BATCH_SIZE_MIN;
  #rows: readonly unknown[] = [];
  #at = 0;
  #waiting = 0;

  constructor(
    calls: EngineCalls,
    prepared: PreparedStatement,
    view: StatementView,
    parameters: Parameters,
  ) {
    this.#calls = calls;
    this.#prepared = prepared;
    this.#view = view;
    this.#state = { kind: "new", parameters };
  }

  next(): Promise<IteratorResult<Row, undefined>> {
    // Rows are handed out in the order of the calls: nobody overtakes one that is waiting.
    if (this.hasRow) return Promise.resolve(this.#takeRow());
    return this.#readOn();
  }

  /** Whether the next `next()` hands out a row that is already read. */
  get hasRow(): boolean {
    return this.#at < this.#rows.length && this.#waiting === 0;
  }

  /** Ends the iteration; what is left is not read. */
  async return(): Promise<IteratorResult<Row, undefined>> {
    const state = this.#state;
    this.#end();
    if (state.kind === "open" && this.#calls.isOpen) {
      await this.#calls.exclusively(undefined, () => this.#leave(state.runNumber));
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #takeRow(): IteratorResult<Row, undefined> {
    return { done: false, value: this.#rows[this.#at++] as Row };
  }

  async #readOn(): Promise<IteratorResult<Row, undefined>> {
    this.#waiting++;
    try {
      return await this.#calls.exclusively(this.#view.signal, async () => {
        if (this.#at === this.#rows.length && this.#state.kind !== "done") {
          await this.#readBatch(this.#state);
        }
        return this.#at < this.#rows.length ? this.#takeRow() : { done: true, value: undefined };
      });
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      this.#waiting--;
    }
  }

  async #readBatch(state: UnfinishedState): Promise<void> {
    const { shape, signal } = this.#view;
    const statement = this.#prepared;
    const runNumber = await this.#enter(state);
    // Only a reading statement may be left standing on a row: others would not let COMMIT pass.
    const canPause = this.#calls.strategy.canPause && statement.mode === "read";
    const limit = canPause ? this.#batchSize : Number.POSITIVE_INFINITY;
    const batch = new RowCollector(statement, shape, limit);
    const isEnded = await this.#calls.run(statement, batch, signal);
    this.#rows = batch.rows;
    this.#at = 0;
    this.#batchSize = Math.min(this.#batchSize * 2, BATCH_SIZE_MAX);
    this.#state = isEnded ? { kind: "done" } : { kind: "open", runNumber };
  }

  /**
   * Begins, or goes on where the last batch ended. Answers the number of this use of the statement.
   */
  async #enter(state: UnfinishedState): Promise<number> {
    if (state.kind === "new") {
      return await this.#calls.begin(this.#prepared, state.parameters, this.#view.signal);
    }
    if (this.#prepared.runNumber === state.runNumber) return state.runNumber;
    throw new SqliteError(
      code.SQLITE_MISUSE,
      "this iteration was ended by another use of its statement; prepare a second statement for that",
    );
  }

  async #leave(runNumber: number): Promise<void> {
    const statement = this.#prepared;
    if (statement.isFinalized || statement.runNumber !== runNumber || !statement.isPaused) return;
    await this.#calls.reset(statement, undefined);
  }

  #end(): void {
    this.#state = { kind: "done" };
    this.#rows = [];
    this.#at = 0;
  }
}
