import type { Statement } from "@graft/sqlite-engine";
import type { StatementLease } from "./connection/statement-host.ts";

type Rows<Row> = AsyncIterableIterator<Row, undefined>;

/**
 * Rows that are read while a statement is leased. The lease is taken with the first row and given back
 * with the last one, with an error, or when the loop is left.
 */
export class LeasedRows<Row> implements AsyncIterableIterator<Row, undefined>, AsyncDisposable {
  readonly #take: () => Promise<StatementLease>;
  readonly #iterate: (statement: Statement) => Rows<Row>;
  readonly #toRow: (row: Row) => Row;
  #rows: Promise<Rows<Row>> | undefined;
  #lease: StatementLease | undefined;
  #isDone = false;

  constructor(
    take: () => Promise<StatementLease>,
    iterate: (statement: Statement) => Rows<Row>,
    toRow: (row: Row) => Row,
  ) {
    this.#take = take;
    this.#iterate = iterate;
    this.#toRow = toRow;
  }

  async next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#isDone) return { done: true, value: undefined };
    try {
      this.#rows ??= this.#begin();
      const rows = await this.#rows;
      const result = await rows.next();
      if (result.done !== true) return { done: false, value: this.#toRow(result.value) };
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Row, undefined>> {
    const rows = this.#rows;
    if (!this.#isDone && rows !== undefined) {
      this.#isDone = true;
      try {
        await (await rows).return?.();
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

  async #begin(): Promise<Rows<Row>> {
    const lease = await this.#take();
    this.#lease = lease;
    return this.#iterate(lease.statement);
  }

  #end(): void {
    this.#isDone = true;
    this.#lease?.giveBack();
    this.#lease = undefined;
  }
}
