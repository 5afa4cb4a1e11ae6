/** Stock SQLite, as Node brings it: the answers that ours are held against. */
import { copyFileSync, existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlValue } from "@graft/sqlite-engine";
import type { Row } from "./canonical-rows.ts";
import { canonicalRows } from "./canonical-rows.ts";

/** One of stock SQLite's answers. */
export interface StockAnswer {
  readonly canonical: string;
  readonly rowCount: number;
}

export class StockDatabase implements Disposable {
  readonly #database: DatabaseSync;

  /**
   * NOTE: opening may move a `-wal` file into the database: open a copy of what belongs to others.
   */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  run(sql: string, parameters: readonly SqlValue[] = []): void {
    this.#database.prepare(sql).run(...parameters);
  }

  ask(sql: string, parameters: readonly SqlValue[] = []): StockAnswer {
    const rows = [...this.rows(sql, parameters)];
    return { canonical: canonicalRows(rows), rowCount: rows.length };
  }

  /** Rows as arrays with bigints. */
  *rows(sql: string, parameters: readonly SqlValue[] = []): Generator<Row> {
    yield* this.#prepare(sql).iterate(...parameters) as unknown as Iterable<Row>;
  }

  /** The first column of the first row. */
  value(sql: string, parameters: readonly SqlValue[] = []): SqlValue | undefined {
    const [row] = this.#prepare(sql).all(...parameters) as unknown as Row[];
    return row?.[0];
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return statement;
  }
}

/** Copies a database with what its last transactions left beside it. */
export function copyDatabase(from: string, to: string): void {
  copyFileSync(from, to);
  for (const suffix of ["-wal", "-journal"]) {
    if (existsSync(`${from}${suffix}`)) copyFileSync(`${from}${suffix}`, `${to}${suffix}`);
  }
}

/** A name as SQL writes it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
