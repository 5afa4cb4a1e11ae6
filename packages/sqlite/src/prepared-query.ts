import {
  type ColumnInfo,
  type Parameters,
  type RunResult,
  type SqlRow,
  type SqlValue,
  type Statement,
  WOULD_WAIT,
} from "@graft/sqlite-engine";
import type { Tracer } from "@opentelemetry/api";
import { statementKeyOf } from "./connection/lease-statement.ts";
import type { StatementHost, StatementRequest } from "./connection/statement-host.ts";
import { LeasedRows } from "./leased-rows.ts";
import { ownPragmaName } from "./pragma/answer-pragma.ts";
import { routeStatement } from "./sql/statement-route.ts";
import { TracedRows, traceCall } from "./trace-call.ts";

/** Who may stop a call. */
export interface QueryOptions {
  /** When aborted the call rejects with its reason; the database stays usable. */
  readonly signal?: AbortSignal;
  /**
   * Bytes of pages that one execution may fetch: what needs more is refused with `SQLITE_INTERRUPT`
   * instead of downloading a table by accident. What is read ahead for it counts, and stays within
   * it. A statement that writes and is refused rolls its transaction back, as SQLite does when one
   * is interrupted. Default: no limit.
   */
  readonly maxFetchBytes?: number;
}

/** Rows that a loop is taken to read, when a server looks for their pages: it may be left early. */
const ITERATED_ROW_COUNT = 256;

type Shape = "object" | "array" | "value";

interface View {
  readonly shape: Shape;
  readonly signal: AbortSignal | undefined;
  readonly maxFetchBytes: number | undefined;
}

/** What all views of one statement share. */
interface Shared {
  readonly host: StatementHost;
  readonly sql: string;
  /** Set when the statement is a pragma of ours: SQLite names its column after the answer. */
  readonly ownPragma: string | undefined;
  /** Absent: nothing is traced. */
  readonly tracer: Tracer | undefined;
  readsBigInts: boolean;
  /** Under which an idle statement is found; undefined for one that is compiled for each use. */
  key: string | undefined;
}

/**
 * A statement of a database. It is compiled when it is first run, on the connection it then runs
 * on, so that mistakes in the SQL show there, and it may be run any number of times at once.
 */
export class PreparedQuery<Row = SqlRow> {
  readonly #shared: Shared;
  readonly #view: View;

  /** Not for callers: `prepare` makes them. */
  constructor(shared: Shared, view: View) {
    this.#shared = shared;
    this.#view = view;
  }

  get sql(): string {
    return this.#shared.sql;
  }

  /** The first row; undefined when there is none. */
  get(...parameters: Parameters): Promise<Row | undefined> {
    return this.#shared.tracer === undefined
      ? this.#get(parameters)
      : this.#traced(() => this.#get(parameters));
  }

  async #get(parameters: Parameters): Promise<Row | undefined> {
    const ready = this.#tryRead((statement) => statement.tryGet(parameters));
    if (ready !== WOULD_WAIT) return ready;
    const request = this.#request(parameters, 1);
    const row = await this.#run(request, (statement) => statement.get(...parameters));
    return this.#renames ? row && this.#rename(row) : row;
  }

  /** All rows. */
  all(...parameters: Parameters): Promise<Row[]> {
    return this.#shared.tracer === undefined
      ? this.#all(parameters)
      : this.#traced(() => this.#all(parameters));
  }

  async #all(parameters: Parameters): Promise<Row[]> {
    const ready = this.#tryRead((statement) => statement.tryAll(parameters));
    if (ready !== WOULD_WAIT) return ready;
    const request = this.#request(parameters);
    const rows = await this.#run(request, (statement) => statement.all(...parameters));
    return this.#renames ? rows.map((row) => this.#rename(row)) : rows;
  }

  /** Runs to the end; rows are dropped. */
  run(...parameters: Parameters): Promise<RunResult> {
    const request = this.#request(parameters);
    const run = (): Promise<RunResult> =>
      this.#run(request, (statement) => statement.run(...parameters));
    return this.#shared.tracer === undefined ? run() : this.#traced(run);
  }

  /**
   * The rows one by one, all of one snapshot. A connection is taken until the last row was read or
   * the loop was left: leave it, or call `return()`.
   */
  iterate(...parameters: Parameters): AsyncIterableIterator<Row, undefined> & AsyncDisposable {
    const { host, sql, tracer } = this.#shared;
    const rows = new LeasedRows<Row>({
      take: () => host.lease(this.#request(parameters, ITERATED_ROW_COUNT)),
      iterate: (statement) => this.#viewOf(statement).iterate(...parameters),
      toRow: this.#renames ? (row) => this.#rename(row) : undefined,
    });
    return tracer === undefined ? rows : new TracedRows(tracer, sql, rows);
  }

  /** The result columns; none for a statement without a result. */
  columns(): Promise<ColumnInfo[]> {
    return this.#run(this.#request(), (statement) => statement.columns());
  }

  /** The same statement with rows as arrays of values. */
  raw(): PreparedQuery<SqlValue[]> {
    return new PreparedQuery(this.#shared, { ...this.#view, shape: "array" });
  }

  /** The same statement with the value of its first column in place of each row. */
  pluck(): PreparedQuery<SqlValue> {
    return new PreparedQuery(this.#shared, { ...this.#view, shape: "value" });
  }

  /** The same statement with other options for each of its calls. */
  with(options: QueryOptions): PreparedQuery<Row> {
    return new PreparedQuery(this.#shared, { ...this.#view, ...options });
  }

  /**
   * Whether INTEGER columns, `changes` and `lastInsertRowid` come as bigints. For all its views.
   */
  setReadBigInts(enabled: boolean): void {
    this.#shared.readsBigInts = enabled;
    this.#shared.key = statementKeyOf(this.#shared);
  }

  #traced<Result>(call: () => Promise<Result>): Promise<Result> {
    const { sql, tracer } = this.#shared;
    return tracer === undefined ? call() : traceCall(tracer, "query", call, sql);
  }

  #run<Result>(
    request: StatementRequest,
    use: (statement: Statement<Row>) => Promise<Result>,
  ): Promise<Result> {
    return this.#shared.host.run(request, (statement) => use(this.#viewOf(statement)));
  }

  #tryRead<Result>(
    use: (statement: Statement<Row>) => Result | typeof WOULD_WAIT,
  ): Result | typeof WOULD_WAIT {
    const { host, key } = this.#shared;
    if (key === undefined || this.#view.signal !== undefined) return WOULD_WAIT;
    return host.tryRead(key, (statement) => use(this.#viewOf(statement)));
  }

  #request(parameters?: Parameters, rowLimit?: number): StatementRequest {
    const { sql, readsBigInts } = this.#shared;
    const { signal, maxFetchBytes } = this.#view;
    return { sql, readsBigInts, signal, maxFetchBytes, parameters, rowLimit };
  }

  #viewOf(statement: Statement): Statement<Row> {
    const { shape, signal } = this.#view;
    const shaped =
      shape === "object" ? statement : shape === "array" ? statement.raw() : statement.pluck();
    // The shape is what the type parameter says.
    const view = shaped as Statement<Row>;
    return signal === undefined ? view : view.with({ signal });
  }

  /** Whether rows are objects whose one column SQLite named after its value. */
  get #renames(): boolean {
    return this.#shared.ownPragma !== undefined && this.#view.shape === "object";
  }

  #rename(row: Row): Row {
    const { ownPragma = "" } = this.#shared;
    return { [ownPragma]: Object.values(row as SqlRow)[0] } as Row;
  }
}

/** Makes the statement of a text on a host. */
export function createQuery(
  host: StatementHost,
  sql: string,
  options: QueryOptions = {},
  tracer?: Tracer,
): PreparedQuery {
  const { pragma } = routeStatement(sql);
  const shared: Shared = {
    host,
    sql,
    ownPragma: pragma === undefined ? undefined : ownPragmaName(pragma),
    tracer,
    readsBigInts: false,
    key: statementKeyOf({ sql, readsBigInts: false }),
  };
  const { signal, maxFetchBytes } = options;
  return new PreparedQuery(shared, { shape: "object", signal, maxFetchBytes });
}
