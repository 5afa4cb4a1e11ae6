import type { Clock, Random } from "@graft/core";
import {
  type Engine,
  EngineInstance,
  HEAP_BYTES_MAX,
  type MissStrategyKind,
  primaryCode,
  SQLITE_ERROR,
  SqliteError,
  type SqlRow,
  type Statement,
  WOULD_WAIT,
} from "@graft/sqlite-engine";
import type { GraftVfs } from "../graft-vfs.ts";
import type { TransactionRecorder } from "../replay/transaction-recorder.ts";
import { leadingWords } from "../sql/scan-sql.ts";
import type { InstanceSlot } from "./instance-slots.ts";

/**
 * Reads one after another that find all they need here before the snapshot is kept between them.
 */
const READS_BEFORE_KEEPING = 3;
/** Reads nothing but the first page, and answers one row. */
const KEEPER_SQL = "SELECT (SELECT 1 FROM sqlite_schema LIMIT 1)";

/** Of an instance's memory, what is taken before its page cache holds anything. */
const HEAP_BYTES_IN_USE: number = 6 * 1024 * 1024;
/** Page cache of a VACUUM, as the pragma takes it: KiB, negative. */
const VACUUM_CACHE_SIZE = -4096;
/** Prepared statements a connection keeps for their next use. */
const STATEMENTS_KEPT_MAX = 64;

export interface ConnectionOptions {
  readonly engine: Engine;
  readonly vfs: GraftVfs;
  /** Name of the main database, as `vfs` knows it. */
  readonly filename: string;
  readonly pageSize: number;
  /** Given back when the connection is closed. */
  readonly slot: InstanceSlot;
  readonly clock: Clock;
  readonly random: Random;
  readonly heapMaxBytes?: number;
  readonly missStrategy?: MissStrategyKind;
  /** Of a connection that writes: how its transactions can be run again. */
  readonly recorder?: TransactionRecorder;
}

/** One connection: one WASM instance, its files, and the statements prepared in it. */
export class Connection {
  readonly vfs: GraftVfs;
  readonly engine: EngineInstance;
  readonly slot: InstanceSlot;
  readonly recorder: TransactionRecorder | undefined;
  /** Least recently used first. A statement in use is not in here: nobody else may touch it. */
  readonly #idleStatements = new Map<string, Statement>();
  /** Stands on a row while a snapshot is kept. */
  #keeper: Statement | undefined;
  #isKeeping = false;
  #readCount = 0;
  #hasSizedCache = false;
  readonly #cacheSizeMax: number;
  /** As the pragma says it, while VACUUM has another one. */
  #cacheBefore: number | undefined;
  /** How much of the database's setup (attached volumes, settings) this connection has had. */
  setupVersion = 0;
  /** Whether it was read without being taken, since somebody looked. */
  wasRead = false;
  /** When it was given back last, by the monotonic clock. */
  idleSinceMs = 0;

  private constructor(options: ConnectionOptions, engine: EngineInstance) {
    this.vfs = options.vfs;
    this.slot = options.slot;
    this.recorder = options.recorder;
    this.engine = engine;
    const heapMaxBytes = options.heapMaxBytes ?? HEAP_BYTES_MAX;
    this.#cacheSizeMax = (heapMaxBytes - HEAP_BYTES_IN_USE) / 2;
  }

  /** @throws SqliteError `SQLITE_CANTOPEN`, … */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { heapMaxBytes, missStrategy, recorder } = options;
    const journal = recorder?.recordsStatements === true ? recorder : undefined;
    const engine = await EngineInstance.open(options.engine, {
      vfs: options.vfs,
      filename: options.filename,
      clock: journal?.clock ?? options.clock,
      random: options.random,
      ...(journal !== undefined && { journal }),
      ...(heapMaxBytes !== undefined && { heapMaxBytes }),
      ...(missStrategy !== undefined && { missStrategy }),
    });
    // An empty database takes the size of the connection; any other has its own already. Temporary
    // files go through the VFS, where they are bounded: the build would keep them in its heap.
    await engine.exec(`PRAGMA page_size = ${options.pageSize}; PRAGMA temp_store = file`);
    return new Connection(options, engine);
  }

  /**
   * Runs a statement that reads, at once, if one with this text is idle and all it needs is here.
   *
   * From the third such read on the connection keeps its snapshot between them: as long as it is
   * the latest, a read then begins without locking, looking for a journal, or comparing page 1.
   * `releaseSnapshot` ends that; so does the next read when there is a newer one.
   */
  tryRead<Result>(
    key: string,
    use: (statement: Statement) => Result | typeof WOULD_WAIT,
  ): Result | typeof WOULD_WAIT {
    const statement = this.#idleStatements.get(key);
    if (statement === undefined) return WOULD_WAIT;
    const isStale = this.#isKeeping && !this.vfs.isOnLatest;
    if (isStale && !this.releaseSnapshot()) return WOULD_WAIT;
    const result = use(statement);
    if (result === WOULD_WAIT) this.releaseSnapshot();
    else if (!this.#isKeeping && ++this.#readCount >= READS_BEFORE_KEEPING) this.#keepSnapshot();
    this.wasRead = true;
    this.slot.noteUse();
    return result;
  }

  /** Whether it keeps a snapshot between reads. */
  get isKeepingSnapshot(): boolean {
    return this.#isKeeping;
  }

  /**
   * The next statement begins on the newest snapshot, and nothing is pinned meanwhile. False when
   * somebody is in the connection: `endSnapshot` waits for that.
   */
  releaseSnapshot(): boolean {
    this.#readCount = 0;
    if (this.#isKeeping) this.#isKeeping = this.#keeper?.tryLeave() === false;
    return !this.#isKeeping;
  }

  async endSnapshot(): Promise<void> {
    if (this.releaseSnapshot()) return;
    await this.#keeper?.leave();
    this.#isKeeping = false;
  }

  #keepSnapshot(): void {
    if (this.inTransaction || this.vfs.hasSeveralFiles()) return;
    this.#keeper ??= this.engine.tryPrepare(KEEPER_SQL);
    this.#isKeeping = this.#keeper?.tryStand() === true;
  }

  /** A statement for one use, if one with this text is idle. */
  tryTake(sql: string): Statement | undefined {
    const statement = this.#idleStatements.get(sql);
    if (statement !== undefined) this.#idleStatements.delete(sql);
    return statement;
  }

  /** Prepares a statement for one use. Give it back. @throws SqliteError, GraftError */
  async prepare(
    sql: string,
    signal: AbortSignal | undefined,
    owner?: object,
  ): Promise<Statement<SqlRow>> {
    const options = { ...(signal !== undefined && { signal }), ...(owner && { owner }) };
    try {
      const statement = await this.engine.prepare(sql, options);
      await this.sizeCache(signal);
      const isVacuum = leadingWords(sql, 1)[0] === "VACUUM";
      if (isVacuum !== (this.#cacheBefore !== undefined)) await this.#fitCache(isVacuum);
      return statement;
    } catch (error) {
      if (!(error instanceof SqliteError) || primaryCode(error.code) !== SQLITE_ERROR) throw error;
      // NOTE: SQLite looks again at a schema that may be old when a name is missing, but not when a
      // trigger names it. A read makes it look; then the error, if it stays, is true.
      await this.engine.exec("SELECT 1 FROM sqlite_schema LIMIT 1", options);
      return await this.engine.prepare(sql, options);
    }
  }

  /**
   * Gives SQLite's page cache its share of the process's memory, once. It reads the schema, as the
   * first statement does.
   */
  async sizeCache(signal?: AbortSignal): Promise<void> {
    if (this.#hasSizedCache) return;
    this.#hasSizedCache = true;
    const sizeKiB = Math.floor(Math.min(this.slot.cacheSize, this.#cacheSizeMax) / 1024);
    const options = signal === undefined ? {} : { signal };
    await this.engine.exec(`PRAGMA main.cache_size = -${sizeKiB}`, options);
  }

  /**
   * VACUUM builds a second database with a cache as large as the first one's, and uses every page
   * once: a small cache serves it as well, and an instance never gives memory back. The statement
   * that is prepared next has the size again that was there before.
   */
  async #fitCache(isVacuum: boolean): Promise<void> {
    if (isVacuum) {
      const before = await this.engine.prepare("PRAGMA main.cache_size");
      const [size] = (await before.raw().get()) ?? [];
      await before.finalize();
      this.#cacheBefore = Number(size);
      await this.engine.exec(`PRAGMA main.cache_size = ${VACUUM_CACHE_SIZE}`);
    } else {
      await this.engine.exec(`PRAGMA main.cache_size = ${this.#cacheBefore}`);
      this.#cacheBefore = undefined;
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
    this.#keeper = undefined;
    this.#isKeeping = false;
    this.vfs.stopFetching();
    try {
      if (!this.isBroken) await this.engine.close();
    } finally {
      this.vfs.dispose();
      this.slot.giveBack();
    }
  }

  /** Frees a statement, when its turn comes; that cannot fail in a way that matters to anybody. */
  drop(statement: Statement): void {
    statement.finalize().catch(() => undefined);
  }
}
