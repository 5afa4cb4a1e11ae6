import type { ReplayOutcome } from "@graft/client";
import { type GraftErrorCode, isGraftError } from "@graft/core";
import {
  primaryCode,
  resultCodeName,
  SQLITE_BUSY,
  SQLITE_CANTOPEN,
  SQLITE_CORRUPT,
  SQLITE_FULL,
  SQLITE_INTERRUPT,
  SQLITE_IOERR,
  SQLITE_NOMEM,
  SqliteError,
} from "@graft/sqlite-engine";

/** Codes that say something about the world, and nothing about the transaction. */
const WORLD_RESULTS: ReadonlySet<number> = new Set([
  SQLITE_BUSY,
  SQLITE_CANTOPEN,
  SQLITE_CORRUPT,
  SQLITE_FULL,
  SQLITE_INTERRUPT,
  SQLITE_IOERR,
  SQLITE_NOMEM,
]);
const WORLD_CODES: readonly GraftErrorCode[] = [
  "busy",
  "busy-snapshot",
  "corrupt",
  "internal",
  "io",
  "permission-denied",
  "unauthenticated",
  "unavailable",
];

/**
 * What a transaction that failed when it was run again is told: it is rejected, for good.
 *
 * @throws the error itself when the world failed (no server, no disk, somebody gave up): the same
 *   transaction may go well later
 */
export function judgeFailure(error: unknown, signal: AbortSignal | undefined): ReplayOutcome {
  if (signal?.aborted === true || isGraftError(error, ...WORLD_CODES)) throw error;
  if (error instanceof SqliteError) {
    if (WORLD_RESULTS.has(primaryCode(error.code))) throw error;
    return { kind: "rejected", code: resultCodeName(error.code), message: error.message };
  }
  if (isGraftError(error)) return { kind: "rejected", code: error.code, message: error.message };
  if (!(error instanceof Error)) return { kind: "rejected", code: "error", message: String(error) };
  return { kind: "rejected", code: error.name, message: error.message };
}
