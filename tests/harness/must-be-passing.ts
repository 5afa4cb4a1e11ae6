import { type GraftErrorCode, isGraftError } from "@graft/core";
import { primaryCode, SQLITE_BUSY, SqliteError } from "@graft/sqlite-engine";

const PASSING: readonly GraftErrorCode[] = ["busy", "busy-snapshot", "diverged", "unavailable"];

/**
 * What another process, another client or a server may do to anybody. Throws the error again when
 * more than trying again, or giving way, is needed. @returns its code
 */
export function mustBePassing(error: unknown): string {
  // A page that cannot be fetched now is an error of SQLite's, caused by one of ours.
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGraftError(at) && PASSING.includes(at.code)) return at.code;
    if (at instanceof SqliteError && primaryCode(at.code) === SQLITE_BUSY) return "busy";
  }
  throw error;
}
