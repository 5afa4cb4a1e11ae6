import type { RowIterator, Statement } from "@graft/sqlite-engine";
import type { StatementLease } from "./connection/statement-host.ts";

export interface LeasedRowsOptions<Row> {
  readonly take: () => Promise<StatementLease>;
  readonly iterate: (statement: Statement) => RowIterator<Row>;
  /** Absent: rows are handed out as they are. */
  readonly toRow: ((row: Row) => Row) | undefined;
}

/**
 * Rows that are read while a statement is leased. The lease is taken with the first row and given
 * back with the last one, with an error, or when the loop is left.
 */
export class LeasedRows<Row> implements AsyncIterableIterator<Row, undefined>, AsyncDisposable {
  readonly #options: LeasedRowsOptions<Row>;
  #beginning: Promise<RowIterator<Row>> | undefined;
  #rows: RowIterator<Row> | undefined;
  #lease: StatementLease | undefined;
  #isDone = false;

  constructor(options: LeasedRowsOptions<Row>) {
    this.#options = options;
  }

  next(): Promise<IteratorResult<Row, undefined>> {
    // A row that is already read cannot be the end: nothing is to be looked after.
    const rows = this.#rows;
    if (rows?.hasRow === true && this.#options.toRow === undefined) return rows.next();
    return this.#next();
  }

  async return(): Promise<IteratorResult<Row, undefined>> {
    const beginning = this.#beginning;
    if (!this.#isDone && beginning !== undefined) {
      this.#isDone = true;
      try {
        await (await beginning).return();
      } finally {
        this.#end();
      }
    }
    this.#isDone = true;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#isDone) return { done: true, value: undefined };
    try {
      this.#beginning ??= this.#begin();
      const rows = await this.#beginning;
      const result = await rows.next();
      if (result.done !== true) {
        const { toRow } = this.#options;
        return toRow === undefined ? result : { done: false, value: toRow(result.value) };
      }
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<RowIterator<Row>> {
    const lease = await this.#options.take();
    this.#lease = lease;
    this.#rows = this.#options.iterate(lease.statement);
    return this.#rows;
  }

  #end(): void {
    this.#isDone = true;
    this.#rows = undefined;
    this.#lease?.giveBack();
    this.#lease = undefined;
  }
}
