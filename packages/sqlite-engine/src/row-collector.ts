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
