/**
 * Decides where a statement of a database runs.
 *
 * - Reads run on connections of their own, each on the newest snapshot when it begins.
 * - Writes take turns on the writing connection.
 * - While the writing connection holds something that only it sees — a transaction that was opened
 *   by `BEGIN`, temporary tables, databases attached by SQL — every statement runs there: then the
 *   database behaves like a single connection.
 */
import type { Clock, Random } from "@graft/core";
import { randomUnit } from "@graft/core";
import { type Statement, WOULD_WAIT } from "@graft/sqlite-engine";
import type { PragmaSettings } from "../pragma/pragma-context.ts";
import { routeStatement, type StatementRoute } from "../sql/statement-route.ts";
import { isBusy } from "../sqlite-error.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { ConnectionSetup } from "./connection-setup.ts";
import { leaseStatement } from "./lease-statement.ts";
import type { StatementHost, StatementLease, StatementRequest } from "./statement-host.ts";
import { type GateMode, WriterGate } from "./writer-gate.ts";

/** How long a statement waits for the writing connection while a transaction function has it. */
export const GATE_TIMEOUT_MS = 30_000;
/**
 * Pause before a statement that found another writer is tried again: 1 … 2^4 ms and as much jitter.
 * The writer may be of another process, which can tell nobody that it has ended.
 */
const BACKOFF_EXPONENT_MAX = 4;
/** Texts whose route is remembered. */
const ROUTES_MAX = 1000;

/** Temporary tables, and databases that this connection alone has attached. */
const CONNECTION_STATE_SQL = `
  select (select count(*) from temp.sqlite_schema)
       + (select count(*) from pragma_database_list where name not in ('main', 'temp')) as count`;

export interface DatabaseHostOptions {
  readonly pool: ConnectionPool;
  readonly setup: ConnectionSetup;
  readonly settings: PragmaSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** Databases attached to every connection: they do not bind anybody to the writer. */
  readonly sharedAttachmentCount: () => number;
}

export class DatabaseHost implements StatementHost {
  readonly #options: DatabaseHostOptions;
  readonly #gate: WriterGate;
  readonly #routes = new Map<string, StatementRoute>();
  /** A transaction that outlives the statement that opened it. */
  #hasOpenTransaction = false;
  #hasConnectionState = false;

  constructor(options: DatabaseHostOptions) {
    this.#options = options;
    this.#gate = new WriterGate(options.clock);
    options.pool.mayCloseWriter = () => !this.#gate.isBusy && !this.isPinned;
  }

  /** Whether every statement runs on the writing connection. */
  get isPinned(): boolean {
    return this.#hasOpenTransaction || this.#hasConnectionState;
  }

  /** Whether a transaction was opened by SQL and is not yet ended. */
  get hasOpenTransaction(): boolean {
    return this.#hasOpenTransaction;
  }

  async run<Result>(
    request: StatementRequest,
    use: (statement: Statement) => Promise<Result>,
  ): Promise<Result> {
    if (this.#route(request.sql).kind === "read" && !this.isPinned) {
      const { pool } = this.#options;
      const connection = pool.tryTakeReader() ?? (await pool.takeReader(request.signal));
      try {
        const leased = leaseStatement(connection, request);
        const lease = leased instanceof Promise ? await leased : leased;
        try {
          if (lease.statement.isReadOnly) return await use(lease.statement);
        } finally {
          lease.giveBack();
        }
      } finally {
        pool.giveReader(connection);
      }
      this.#noteWriting(request.sql);
    }
    return await this.withWriter("shared", request.signal, (connection) =>
      this.runOn(connection, request, use),
    );
  }

  tryRead<Result>(
    key: string,
    use: (statement: Statement) => Result | typeof WOULD_WAIT,
  ): Result | typeof WOULD_WAIT {
    const connection = this.isPinned ? undefined : this.#options.pool.peekReader();
    if (connection === undefined) return WOULD_WAIT;
    try {
      const result = connection.tryRead(key, use);
      if (connection.isKeepingSnapshot) this.#options.pool.noteKeptSnapshot();
      return result;
    } catch (error) {
      if (connection.isBroken) this.#options.pool.dropReader(connection);
      throw error;
    }
  }

  async lease(request: StatementRequest): Promise<StatementLease> {
    if (this.#route(request.sql).kind === "read" && !this.isPinned) {
      const { pool } = this.#options;
      const connection = await pool.takeReader(request.signal);
      const lease = await leaseOr(connection, request, () => pool.giveReader(connection));
      pool.lendReader(connection);
      const giveBack = (): void => {
        lease.giveBack();
        pool.giveReader(connection);
      };
      if (lease.statement.isReadOnly) return { statement: lease.statement, giveBack };
      giveBack();
      this.#noteWriting(request.sql);
    }
    const connection = await this.#enterWriter("shared", request.signal);
    const lease = await leaseOr(connection, request, () => this.#leaveWriter("shared", connection));
    return {
      statement: lease.statement,
      giveBack: () => {
        lease.giveBack();
        this.#leaveWriter("shared", connection);
      },
    };
  }

  /** Runs `task` with the writing connection. */
  async withWriter<Result>(
    mode: GateMode,
    signal: AbortSignal | undefined,
    task: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const connection = await this.#enterWriter(mode, signal);
    try {
      return await task(connection);
    } finally {
      this.#leaveWriter(mode, connection);
    }
  }

  /** Runs one statement on the writing connection, which the caller holds. */
  async runOn<Result>(
    connection: Connection,
    request: StatementRequest,
    use: (statement: Statement) => Promise<Result>,
  ): Promise<Result> {
    const route = this.#route(request.sql);
    const isInside = connection.inTransaction;
    const result = await this.retryBusy(
      request.signal,
      () => !isInside,
      async () => {
        const lease = await leaseStatement(connection, request);
        try {
          return await use(lease.statement);
        } finally {
          lease.giveBack();
        }
      },
    );
    await this.#noteEffects(connection, request.sql, route);
    return result;
  }

  /** Runs `task` again while somebody else writes, for as long as the busy timeout allows. */
  async retryBusy<Result>(
    signal: AbortSignal | undefined,
    mayRetry: () => boolean,
    task: () => Promise<Result>,
  ): Promise<Result> {
    const { clock, random, settings } = this.#options;
    const deadlineMs = clock.monotonicMs() + settings.busyTimeoutMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await task();
      } catch (error) {
        if (!isBusy(error) || !mayRetry() || clock.monotonicMs() >= deadlineMs) throw error;
        const pauseMs = 2 ** Math.min(attempt, BACKOFF_EXPONENT_MAX);
        await clock.sleep(pauseMs * (1 + randomUnit(random)), signal);
      }
    }
  }

  /** Whether a statement may leave something behind that only its connection sees. */
  touchesConnectionState(sql: string): boolean {
    return this.#route(sql).touchesConnectionState;
  }

  /** Looks again at what only the writing connection sees. */
  async refreshConnectionState(connection: Connection): Promise<void> {
    const statement = await connection.prepare(CONNECTION_STATE_SQL, undefined);
    try {
      const count = Number(await statement.pluck().get());
      this.#hasConnectionState = count > this.#options.sharedAttachmentCount();
    } finally {
      await statement.finalize();
    }
  }

  async #noteEffects(connection: Connection, sql: string, route: StatementRoute): Promise<void> {
    if (route.isSetting) {
      // `PRAGMA schema.name`, so that settings of two databases do not supersede each other.
      this.#options.setup.put(sql.split(/[=(]/, 1)[0]?.trim().toLowerCase() ?? sql, sql);
    }
    if (route.touchesConnectionState && !connection.isBroken) {
      await this.refreshConnectionState(connection);
    }
  }

  async #enterWriter(mode: GateMode, signal: AbortSignal | undefined): Promise<Connection> {
    if (!this.#gate.tryEnter(mode)) {
      await this.#gate.enter({ mode, timeoutMs: GATE_TIMEOUT_MS, signal });
    }
    try {
      return await this.#options.pool.takeWriter(signal);
    } catch (error) {
      this.#gate.leave(mode);
      throw error;
    }
  }

  #leaveWriter(mode: GateMode, connection: Connection): void {
    if (connection.isBroken) this.#hasConnectionState = false;
    // While others share it, one of their statements may be in the middle of its own transaction.
    this.#hasOpenTransaction = !connection.isBroken && connection.inTransaction;
    this.#gate.leave(mode);
    this.#options.pool.noteWriterUse(connection);
  }

  #route(sql: string): StatementRoute {
    const known = this.#routes.get(sql);
    if (known !== undefined) return known;
    const route = routeStatement(sql);
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    this.#routes.set(sql, route);
    return route;
  }

  /** The first word promised a read, and SQLite knew better (`WITH … INSERT`). */
  #noteWriting(sql: string): void {
    this.#routes.set(sql, { ...this.#route(sql), kind: "write" });
  }
}

async function leaseOr(
  connection: Connection,
  request: StatementRequest,
  onFailure: () => void,
): Promise<StatementLease> {
  try {
    return await leaseStatement(connection, request);
  } catch (error) {
    onFailure();
    throw error;
  }
}
