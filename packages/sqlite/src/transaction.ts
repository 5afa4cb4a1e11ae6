import { GraftError } from "@graft/core";
import { SQLITE_MISUSE, SqliteError, type Statement, WOULD_WAIT } from "@graft/sqlite-engine";
import type { Connection } from "./connection/connection.ts";
import type { DatabaseHost } from "./connection/database-host.ts";
import { leaseStatement } from "./connection/lease-statement.ts";
import type {
  StatementHost,
  StatementLease,
  StatementRequest,
} from "./connection/statement-host.ts";
import { createQuery, type PreparedQuery, type QueryOptions } from "./prepared-query.ts";
import type { TransactionLabel } from "./replay/transaction-recorder.ts";
import { splitSql } from "./sql/split-sql.ts";
import { isBusy } from "./sqlite-error.ts";

/** Times a transaction function is run at most. */
const ATTEMPTS_MAX = 10;

/**
 * A write transaction, for as long as the function it was passed to runs. Statements run in it see
 * its own changes; nobody else does before it is committed.
 */
export interface Transaction {
  /** Runs all statements of a text. */
  exec(sql: string, options?: QueryOptions): Promise<void>;
  prepare(sql: string, options?: QueryOptions): PreparedQuery;
  /**
   * A transaction inside: a savepoint, released when `fn` resolves and rolled back when it rejects.
   */
  transaction<Result>(fn: (tx: Transaction) => Promise<Result>): Promise<Result>;
}

/** Who may stop a transaction. */
export type TransactionOptions = Pick<QueryOptions, "signal">;

/** What the application does in a write transaction. */
export type TransactionFunction<Result = unknown> = (tx: Transaction) => Promise<Result>;

/** What a transaction needs of whoever owns its connection. */
export type TransactionHost = Pick<
  DatabaseHost,
  "touchesConnectionState" | "refreshConnectionState"
>;

interface RunOptions {
  readonly signal: AbortSignal | undefined;
  readonly label: TransactionLabel | undefined;
}

/**
 * Runs `fn` between BEGIN IMMEDIATE and COMMIT, on a new snapshot each time: again when another
 * writer was first (`SQLITE_BUSY…`), up to a limit. So `fn` must not keep what it learnt in an
 * earlier run.
 */
export async function runTransaction<Result>(
  host: DatabaseHost,
  fn: TransactionFunction<Result>,
  { signal, label }: TransactionOptions & { readonly label?: TransactionLabel },
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await host.withWriter("alone", signal, async (connection) => {
        await host.retryBusy(
          signal,
          () => true,
          () => begin(connection, signal),
        );
        return await runOnce(host, connection, fn, { signal, label });
      });
    } catch (error) {
      if (!isBusy(error) || attempt >= ATTEMPTS_MAX || signal?.aborted === true) throw error;
    }
  }
}

/** Begins a write transaction on a connection that the caller has alone. */
export async function begin(
  connection: Connection,
  signal: AbortSignal | undefined,
): Promise<void> {
  await connection.engine.exec("BEGIN IMMEDIATE", signal === undefined ? {} : { signal });
}

/** Runs `fn` in the transaction that was begun, and commits it. */
export async function runOnce<Result>(
  host: TransactionHost,
  connection: Connection,
  fn: TransactionFunction<Result>,
  { signal, label }: RunOptions,
): Promise<Result> {
  const scope = new TransactionScope(host, connection, signal);
  const { recorder } = connection;
  if (recorder !== undefined) recorder.label = label;
  try {
    const result = await fn(scope);
    await scope.end();
    // A statement that failed may have ended the transaction (OR ROLLBACK, a full disk).
    if (!connection.inTransaction) {
      throw new SqliteError(
        SQLITE_MISUSE,
        "the transaction was ended before its function returned",
      );
    }
    await connection.engine.exec("COMMIT");
    return result;
  } catch (error) {
    await scope.end();
    if (!connection.isBroken && connection.inTransaction) await connection.engine.exec("ROLLBACK");
    throw error;
  } finally {
    if (recorder !== undefined) recorder.label = undefined;
    if (scope.touchedConnectionState && !connection.isBroken) {
      await host.refreshConnectionState(connection);
    }
  }
}

/** Statements of one transaction, on the connection it has to itself. */
class TransactionScope implements Transaction, StatementHost {
  touchedConnectionState = false;
  readonly #host: TransactionHost;
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #leases = new Set<StatementLease>();
  #savepointCount = 0;
  #isOver = false;

  constructor(host: TransactionHost, connection: Connection, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#connection = connection;
    this.#signal = signal;
  }

  async exec(sql: string, options: QueryOptions = {}): Promise<void> {
    for (const statement of splitSql(sql).statements) {
      await this.prepare(statement, options).run();
    }
  }

  prepare(sql: string, options: QueryOptions = {}): PreparedQuery {
    const signal = options.signal ?? this.#signal;
    return createQuery(this, sql, signal === undefined ? options : { ...options, signal });
  }

  async transaction<Result>(fn: (tx: Transaction) => Promise<Result>): Promise<Result> {
    this.#mustBeOpen();
    const savepoint = `"graft ${++this.#savepointCount}"`;
    const { engine } = this.#connection;
    await engine.exec(`SAVEPOINT ${savepoint}`);
    try {
      const result = await fn(this);
      await engine.exec(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      // Without a transaction there is nothing left to go back to.
      if (this.#connection.inTransaction) {
        await engine.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
      }
      throw error;
    }
  }

  async run<Result>(
    request: StatementRequest,
    use: (statement: Statement) => Promise<Result>,
  ): Promise<Result> {
    this.#mustBeOpen();
    this.#noteText(request.sql);
    const lease = await leaseStatement(this.#connection, request);
    try {
      return await use(lease.statement);
    } finally {
      lease.giveBack();
    }
  }

  tryRead<Result>(
    key: string,
    use: (statement: Statement) => Result | typeof WOULD_WAIT,
  ): Result | typeof WOULD_WAIT {
    this.#mustBeOpen();
    return this.#signal === undefined ? this.#connection.tryRead(key, use) : WOULD_WAIT;
  }

  async lease(request: StatementRequest): Promise<StatementLease> {
    this.#mustBeOpen();
    this.#noteText(request.sql);
    const inner = await leaseStatement(this.#connection, request);
    const lease: StatementLease = {
      statement: inner.statement,
      giveBack: () => {
        this.#leases.delete(lease);
        inner.giveBack();
      },
    };
    this.#leases.add(lease);
    return lease;
  }

  /** Nothing runs in it any more; loops over rows that were left open end here. */
  async end(): Promise<void> {
    this.#isOver = true;
    const open = [...this.#leases];
    this.#leases.clear();
    // A statement that somebody still reads cannot be used again: it is freed, not kept.
    await Promise.all(open.map(({ statement }) => statement.finalize()));
  }

  #noteText(sql: string): void {
    this.touchedConnectionState ||= this.#host.touchesConnectionState(sql);
  }

  #mustBeOpen(): void {
    if (!this.#isOver) return;
    throw new GraftError(
      "invalid-argument",
      "this transaction is over: its handle is only good inside the function it was passed to",
    );
  }
}
