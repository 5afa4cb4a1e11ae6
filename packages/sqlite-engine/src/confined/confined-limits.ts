import { invariant } from "@graft/core";
import type { Pointer, SqliteExports } from "../sqlite-exports.ts";

/** Longest SQL text that is run confined, in UTF-16 units. */
export const CONFINED_SQL_SIZE_MAX: number = 64 * 1024;
/** Longest text or blob it may handle: one instruction over more of it would take too long. */
const VALUE_SIZE_MAX: number = 4 * 1024 * 1024;

/** `sqlite3_limit`: code and bound, after SQLite's own advice for SQL from strangers. */
const LIMITS: readonly (readonly [limit: number, bound: number])[] = [
  [0, VALUE_SIZE_MAX], // LENGTH
  [1, 4 * CONFINED_SQL_SIZE_MAX], // SQL_LENGTH
  [3, 500], // EXPR_DEPTH
  [4, 50], // COMPOUND_SELECT
  [5, 250_000], // VDBE_OP
  [6, 127], // FUNCTION_ARG
  [7, 0], // ATTACHED
  [8, 500], // LIKE_PATTERN_LENGTH
  [9, 2000], // VARIABLE_NUMBER
  [10, 50], // TRIGGER_DEPTH
  [11, 0], // WORKER_THREADS
];

/** No write to the schema, whatever the SQL says; no journal switched off by it. */
const DBCONFIG_DEFENSIVE = 1010;
/** Views and triggers may not use what could do harm: they come out of a file nobody knows. */
const DBCONFIG_TRUSTED_SCHEMA = 1017;

/** Narrows a connection to what a statement of a stranger may need. */
export function applyLimits(exports: SqliteExports, database: Pointer): void {
  for (const [limit, bound] of LIMITS) exports.sqlite3_limit(database, limit, bound);
  set(DBCONFIG_DEFENSIVE, 1);
  set(DBCONFIG_TRUSTED_SCHEMA, 0);

  function set(option: number, value: number): void {
    const code = exports.sqlite3__wasm_db_config_ip(database, option, value, 0);
    invariant(code === 0, `sqlite3_db_config ${option} answers SQLITE_OK, got ${code}`);
  }
}
