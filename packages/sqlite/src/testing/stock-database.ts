import { DatabaseSync } from "node:sqlite";
import type { SqlSubject } from "./compare-sql.ts";

/** Stock SQLite on a plain file: the reference. */
export class StockDatabase implements SqlSubject {
  readonly name = "node:sqlite";
  readonly #path: string;
  readonly #pragmas: string;
  #database: DatabaseSync;

  constructor(path: string, pragmas = "") {
    this.#path = path;
    this.#pragmas = pragmas;
    this.#database = this.#open();
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  async exec(sql: string): Promise<void> {
    this.#database.exec(sql);
  }

  async all(sql: string): Promise<unknown[][]> {
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return statement.all() as unknown as unknown[][];
  }

  async reopen(): Promise<void> {
    this.#database.close();
    this.#database = this.#open();
  }

  close(): void {
    this.#database.close();
  }

  #open(): DatabaseSync {
    const database = new DatabaseSync(this.#path, { enableForeignKeyConstraints: false });
    database.exec(`PRAGMA synchronous=OFF; ${this.#pragmas}`);
    return database;
  }
}
