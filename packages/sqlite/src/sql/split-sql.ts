import { nextToken } from "./scan-sql.ts";
import { StatementSplitter } from "./statement-splitter.ts";

/** What `splitSql` found. */
export interface SplitSql {
  /**
   * Statements, without the blanks and comments around them and without their semicolon. Empty ones
   * are left out.
   */
  readonly statements: readonly string[];
  /** Whether the text ends after a semicolon, so that nothing is left to be typed. */
  readonly isComplete: boolean;
}

/**
 * Cuts a text into its statements. A semicolon inside a trigger's body ends no statement: the body
 * ends with `END` right after a semicolon.
 */
export function splitSql(sql: string): SplitSql {
  const splitter = new StatementSplitter();
  const ended = splitter.push(sql).map((statement) => withoutEdges(statement.slice(0, -1)));
  // With its blanks at the end: a text that is not closed goes on to there, and SQLite says so.
  const rest = withoutEdges(sql.slice(sql.trimEnd().length - splitter.rest.length));
  return {
    statements: [...ended, rest].filter((statement) => statement !== ""),
    isComplete: rest === "",
  };
}

/** From the first token to the last. */
function withoutEdges(statement: string): string {
  const first = nextToken(statement, 0);
  let last = first;
  for (let token = first; token !== undefined; token = nextToken(statement, token.end)) {
    last = token;
  }
  return statement.slice(first?.start ?? 0, last?.end ?? 0);
}
