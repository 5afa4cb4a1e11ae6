import type { RowSink } from "./engine-core.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import type { RowReader, RowShape } from "./row-reader.ts";
import type { Pointer } from "./sqlite-exports.ts";

/** Collects up to `limit` rows. */
export class RowCollector implements RowSink {
  readonly rows: unknown[] = [];
  readonly #statement: PreparedStatement;
  readonly #shape: RowShape;
  readonly #limit: number;
  #read: RowReader | undefined;

  constructor(statement: PreparedStatement, shape: RowShape, limit: number) {
    this.#statement = statement;
    this.#shape = shape;
    this.#limit = limit;
  }

  take(statement: Pointer): boolean {
    this.#read ??= this.#statement.reader(this.#shape);
    return this.rows.push(this.#read(statement)) < this.#limit;
  }

  clear(): void {
    this.rows.length = 0;
    this.#read = undefined;
  }
}

/** Takes the first row, for one call after another. */
export class FirstRow implements RowSink {
  readonly #statement: PreparedStatement;
  readonly #shape: RowShape;
  #read: RowReader | undefined;
  #row: unknown;

  constructor(statement: PreparedStatement, shape: RowShape) {
    this.#statement = statement;
    this.#shape = shape;
  }

  take(statement: Pointer): boolean {
    this.#read ??= this.#statement.reader(this.#shape);
    this.#row = this.#read(statement);
    return false;
  }

  clear(): void {
    this.#row = undefined;
    this.#read = undefined;
  }

  /** The row, given away; undefined when there was none. */
  giveUp(): unknown {
    const row = this.#row;
    this.clear();
    return row;
  }
}
