import type { Parameters, Statement, WOULD_WAIT } from "@graft/sqlite-engine";

/** How a statement is wanted. */
export interface StatementRequest {
  readonly sql: string;
  readonly readsBigInts: boolean;
  readonly signal: AbortSignal | undefined;
  /** What will be bound. Absent: nothing is run. */
  readonly parameters?: Parameters | undefined;
  /** See `QueryOptions`. */
  readonly maxFetchBytes?: number | undefined;
  /** Rows that will be read; absent: all. */
  readonly rowLimit?: number | undefined;
}

/** A statement that is somebody's until it is given back. */
export interface StatementLease {
  readonly statement: Statement;
  giveBack(): void;
}

/** Where statements run: on a database, or inside one of its transactions. */
export interface StatementHost {
  /**
   * Runs `use` with the statement, again if somebody else was writing and nothing was changed yet.
   */
  run<Result>(
    request: StatementRequest,
    use: (statement: Statement) => Promise<Result>,
  ): Promise<Result>;

  /**
   * Runs `use` at once, without a promise, on a statement that is ready. `WOULD_WAIT`, and nothing
   * has happened, when none is, and when `use` answers that.
   *
   * @param key what `statementKeyOf` answers for the request, which has no signal
   */
  tryRead<Result>(
    key: string,
    use: (statement: Statement) => Result | typeof WOULD_WAIT,
  ): Result | typeof WOULD_WAIT;

  /** The statement for as long as its rows are read. */
  lease(request: StatementRequest): Promise<StatementLease>;
}
