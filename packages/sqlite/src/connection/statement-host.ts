import type { Statement } from "@graft/sqlite-engine";

/** How a statement is wanted. */
export interface StatementRequest {
  readonly sql: string;
  readonly readsBigInts: boolean;
  readonly signal: AbortSignal | undefined;
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

  /** The statement for as long as its rows are read. */
  lease(request: StatementRequest): Promise<StatementLease>;
}
