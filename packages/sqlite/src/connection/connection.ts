import type { Clock, Random } from "@graft/core";
import {
  type Engine,
  EngineInstance,
  type MissStrategyKind,
  primaryCode,
  SQLITE_ERROR,
  SqliteError,
  type SqlRow,
  type Statement,
} from "@graft/sqlite-engine";
import type { GraftVfs } from "../graft-vfs.ts";

/** Prepared statements a connection keeps for their next use. */
const STATEMENTS_KEPT_MAX = 64;

export interface ConnectionOptions {
  readonly engine: Engine;
  readonly vfs: GraftVfs;
  /** Name of the main database, as `vfs` knows it. */
  readonly filename: string;
  readonly pageSize: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly heapMaxBytes?: number;
  readonly missStrategy?: MissStrategyKind;
}

/** One connection: one WASM instance, its files, and the statements prepared in it. */
export class Connection {
  readonly vfs: GraftVfs;
  readonly engine: EngineInstance;
  /** Least recently used first. A statement in use is not in here: nobody else may touch it. */
  readonly #idleStatements = new Map<string, Statement>();
  /** How much of the database's setup (attached volumes, settings) this connection has had. */
  setupVersion = 0;
  /** When it was given back last, by the monotonic clock. */
  idleSinceMs = 0;

  private constructor(vfs: GraftVfs, engine: EngineInstance) {
    this.vfs = vfs;
    this.engine = engine;
  }

  /** @throws SqliteError `SQLITE_CANTOPEN`, … */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { heapMaxBytes, missStrategy } = options;
    const engine = await EngineInstance.open(options.engine, {
      vfs: options.vfs,
      filename: options.filename,
      clock: options.clock,
      random: options.random,
      ...(heapMaxBytes !== undefined && { heapMaxBytes }),
      ...(missStrategy !== undefined && { missStrategy }),
    });
    // An empty database takes the size of the connection; any other has its own already. Temporary
    // files go through the VFS, where they are bounded: the build would keep them in its heap.
    await engine.exec(`PRAGMA page_size = ${options.pageSize}; PRAGMA temp_store = file`);
    return new Connection(options.vfs, engine);
  }

  /** A statement for one use, if one with this text is idle. */
  tryTake(sql: string): Statement | undefined {
    const statement = this.#idleStatements.get(sql);
    if (statement !== undefined) this.#idleStatements.delete(sql);
    return statement;
  }

  /** Prepares a statement for one use. Give it back. @throws SqliteError, GraftError */
  async prepare(sql: string, signal: AbortSignal | undefined): Promise<Statement<SqlRow>> {
    const options = signal === undefined ? {} : { signal };
    try {
      return await this.engine.prepare(sql, options);
    } catch (error) {
      if (!(error instanceof SqliteError) || primaryCode(error.code) !== SQLITE_ERROR) throw error;
      // NOTE: SQLite looks again at a schema that may be old when a name is missing, but not when a
      // trigger names it. A read makes it look; then the error, if it stays, is true.
      await this.engine.exec("SELECT 1 FROM sqlite_schema LIMIT 1", options);
      return await this.engine.prepare(sql, options);
    }
  }

  /** Keeps a statement for its next use. */
  give(sql: string, statement: Statement): void {
    if (this.isBroken) return;
    const twin = this.#idleStatements.get(sql);
    this.#idleStatements.delete(sql);
    this.#idleStatements.set(sql, statement);
    if (twin !== undefined && twin !== statement) this.drop(twin);
    if (this.#idleStatements.size <= STATEMENTS_KEPT_MAX) return;
    for (const [oldest, dropped] of this.#idleStatements) {
      this.#idleStatements.delete(oldest);
      this.drop(dropped);
      break;
    }
  }

  get isBroken(): boolean {
    return this.engine.isBroken;
  }

  /** Whether a transaction is open in it. */
  get inTransaction(): boolean {
    return this.engine.inTransaction;
  }

  /**
   * Ends what waits for a page, rolls back what is open and frees the instance. A broken one is
   * dropped with its dirty pages.
   */
  async close(): Promise<void> {
    this.#idleStatements.clear();
    this.vfs.stopFetching();
    try {
      if (!this.isBroken) await this.engine.close();
    } finally {
      this.vfs.dispose();
    }
  }

  /** Frees a statement, when its turn comes; that cannot fail in a way that matters to anybody. */
  drop(statement: Statement): void {
    statement.finalize().catch(() => undefined);
  }
}
