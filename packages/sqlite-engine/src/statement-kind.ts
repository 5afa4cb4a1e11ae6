/**
 * What kind of statement a text is, as far as running it again is concerned. SQLite tells which
 * statements write (`sqlite3_stmt_readonly`); the first word tells the rest.
 */

/**
 * - `read`: changes nothing; may be abandoned and run again.
 * - `write`: must not leave half of itself behind.
 * - `bare`: writes, but cannot run inside a savepoint; it is all or nothing by itself.
 * - `transaction`: opens or ends a transaction or savepoint.
 */
export type RunMode = "read" | "write" | "bare" | "transaction";

const TRANSACTION_WORDS: ReadonlySet<string> = new Set([
  "BEGIN",
  "COMMIT",
  "END",
  "ROLLBACK",
  "SAVEPOINT",
  "RELEASE",
]);
const BARE_WORDS: ReadonlySet<string> = new Set(["VACUUM", "ATTACH", "DETACH"]);
/** Pragmas that SQLite refuses, or ignores, inside a transaction. */
const BARE_PRAGMAS: ReadonlySet<string> = new Set([
  "auto_vacuum",
  "foreign_keys",
  "journal_mode",
  "locking_mode",
  "page_size",
  "synchronous",
  "temp_store",
  "wal_checkpoint",
]);

/** Classifies one statement; `isReadOnly` is SQLite's own opinion of it. */
export function runModeOf(sql: string, isReadOnly: boolean): RunMode {
  const start = skipBlank(sql);
  const word = wordAt(sql, start).toUpperCase();
  if (TRANSACTION_WORDS.has(word)) return "transaction";
  if (isReadOnly) return "read";
  if (BARE_WORDS.has(word)) return "bare";
  if (word === "PRAGMA" && BARE_PRAGMAS.has(pragmaName(sql, start + word.length))) return "bare";
  return "write";
}

/** Whether there is nothing but blanks, comments and semicolons. */
export function isBlankSql(sql: string): boolean {
  let at = skipBlank(sql);
  while (sql[at] === ";") at = skipBlank(sql, at + 1);
  return at >= sql.length;
}

/** `schema . name`, or `name`. */
function pragmaName(sql: string, after: number): string {
  const start = skipBlank(sql, after);
  const first = wordAt(sql, start);
  const dot = skipBlank(sql, start + first.length);
  const name = sql[dot] === "." ? wordAt(sql, skipBlank(sql, dot + 1)) : first;
  return name.toLowerCase();
}

function wordAt(sql: string, start: number): string {
  return /^\w*/.exec(sql.slice(start, start + 64))?.[0] ?? "";
}

/**
 * The position of the first character at or after `from` that is neither blank nor in a comment.
 */
function skipBlank(sql: string, from = 0): number {
  let at = from;
  for (;;) {
    if (/\s/.test(sql[at] ?? "")) {
      at++;
    } else if (sql.startsWith("--", at)) {
      const end = sql.indexOf("\n", at);
      at = end === -1 ? sql.length : end + 1;
    } else if (sql.startsWith("/*", at)) {
      const end = sql.indexOf("*/", at + 2);
      at = end === -1 ? sql.length : end + 2;
    } else {
      return at;
    }
  }
}
