/**
 * `GraftError` → SQLite result code: the only place where the two meet. SQLite sees the code;
 * whoever ran the statement gets a `SqliteError` with the `GraftError` as its cause.
 */
import { GraftError, type GraftErrorCode } from "@graft/core";
import {
  primaryCode,
  SQLITE_BUSY,
  SQLITE_BUSY_SNAPSHOT,
  SQLITE_CORRUPT,
  SQLITE_ERROR,
  SQLITE_FULL,
  SQLITE_INTERNAL,
  SQLITE_INTERRUPT,
  SQLITE_IOERR,
  SQLITE_IOERR_FSYNC,
  SQLITE_IOERR_READ,
  SQLITE_IOERR_TRUNCATE,
  SQLITE_IOERR_WRITE,
  SQLITE_PERM,
  SqliteError,
} from "@graft/sqlite-engine";

/** What SQLite wanted when it failed. */
export type VfsOperation = "read" | "write" | "truncate" | "lock" | "commit" | "pragma";

const CODES: Readonly<Record<GraftErrorCode, number>> = {
  "invalid-argument": SQLITE_ERROR,
  "not-found": SQLITE_IOERR,
  rejected: SQLITE_BUSY_SNAPSHOT,
  diverged: SQLITE_ERROR,
  unauthenticated: SQLITE_PERM,
  "permission-denied": SQLITE_PERM,
  unavailable: SQLITE_IOERR,
  "resource-exhausted": SQLITE_FULL,
  corrupt: SQLITE_CORRUPT,
  io: SQLITE_IOERR,
  busy: SQLITE_BUSY,
  "busy-snapshot": SQLITE_BUSY_SNAPSHOT,
  internal: SQLITE_INTERNAL,
};

/** The extended code of `SQLITE_IOERR` that says which call failed. */
const IO_CODES: Readonly<Record<VfsOperation, number>> = {
  read: SQLITE_IOERR_READ,
  write: SQLITE_IOERR_WRITE,
  truncate: SQLITE_IOERR_TRUNCATE,
  lock: SQLITE_IOERR,
  commit: SQLITE_IOERR_FSYNC,
  pragma: SQLITE_IOERR,
};

/** The result code for a failure of the layer below. Never `SQLITE_OK`. */
export function resultCodeOf(error: unknown, operation: VfsOperation): number {
  if (error instanceof SqliteError) return error.code;
  if (isAbort(error)) return SQLITE_INTERRUPT;
  if (!(error instanceof GraftError)) return IO_CODES[operation];
  // As if somebody had given up: SQLite's cache stays good, and a transaction that reads goes on.
  if (error.details.reason === "fetch-limit") return SQLITE_INTERRUPT;
  if (error.code === "io" && error.details.reason === "full") return SQLITE_FULL;
  const code = CODES[error.code];
  return code === SQLITE_IOERR ? IO_CODES[operation] : code;
}

/** The same failure in SQLite's words, the original attached as cause. */
export function toSqliteError(error: unknown, operation: VfsOperation): SqliteError {
  if (error instanceof SqliteError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SqliteError(resultCodeOf(error, operation), message, { cause: error });
}

/** Whether a statement failed because somebody else writes, or wrote: worth another run. */
export function isBusy(error: unknown): error is SqliteError {
  return error instanceof SqliteError && primaryCode(error.code) === SQLITE_BUSY;
}

/** Whether the caller gave up. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
