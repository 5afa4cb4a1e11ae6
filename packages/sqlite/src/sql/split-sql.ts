import { nextToken } from "./scan-sql.ts";

/** What `splitSql` found. */
export interface SplitSql {
  /**
   * Statements, without the blanks around them and without their semicolon. Empty ones are left
   * out.
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
  const statements: string[] = [];
  let start = 0;
  let isComplete = true;
  while (start < sql.length) {
    const statement = scanStatement(sql, start);
    if (statement.last > statement.first) {
      statements.push(sql.slice(statement.first, statement.last));
      isComplete = statement.isEnded;
    }
    start = statement.end;
  }
  return { statements, isComplete };
}

interface ScannedStatement {
  /** [first, last) without blanks and semicolon; empty when there are no tokens. */
  readonly first: number;
  readonly last: number;
  /** Where the next one begins. */
  readonly end: number;
  readonly isEnded: boolean;
}

function scanStatement(sql: string, from: number): ScannedStatement {
  const words: string[] = [];
  let first: number | undefined;
  let last = from;
  let isTrigger = false;
  /** The two tokens before this one, as far as they matter to the end of a trigger. */
  let before: readonly [string, string] = ["", ""];
  let at = from;
  for (let token = nextToken(sql, at); token !== undefined; token = nextToken(sql, at)) {
    at = token.end;
    if (token.kind === "semicolon") {
      const isInside = isTrigger && !(before[0] === ";" && before[1] === "END");
      if (!isInside) return { first: first ?? last, last, end: at, isEnded: true };
    }
    first ??= token.start;
    last = token.end;
    const text = sql.slice(token.start, token.end).toUpperCase();
    if (words.length < 6 && token.kind === "word") words.push(text);
    isTrigger ||= isTriggerStart(words);
    before = [before[1], text];
  }
  return { first: first ?? last, last, end: sql.length, isEnded: false };
}

/** `[EXPLAIN [QUERY PLAN]] CREATE [TEMP | TEMPORARY] TRIGGER` */
function isTriggerStart(words: readonly string[]): boolean {
  return /^(EXPLAIN (QUERY PLAN )?)?CREATE (TEMP |TEMPORARY )?TRIGGER$/.test(words.join(" "));
}
