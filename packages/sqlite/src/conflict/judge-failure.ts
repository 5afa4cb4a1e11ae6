import type { ReplayOutcome } from "@graft/client";
import { GraftError, type GraftErrorCode, isGraftError } from "@graft/core";
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

/** What says something about the world, and nothing about the transaction. */
const WORLD_RESULTS: ReadonlyMap<number, GraftErrorCode> = new Map([
  [SQLITE_BUSY, "busy"],
  [SQLITE_CANTOPEN, "io"],
  [SQLITE_CORRUPT, "corrupt"],
  [SQLITE_FULL, "io"],
  [SQLITE_INTERRUPT, "unavailable"],
  [SQLITE_IOERR, "io"],
  [SQLITE_NOMEM, "resource-exhausted"],
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
 * @throws GraftError when the world failed (no server, no disk, somebody gave up): the same
 *   transaction may go well later
 */
export function judgeFailure(error: unknown, signal: AbortSignal | undefined): ReplayOutcome {
  if (signal?.aborted === true || isGraftError(error, ...WORLD_CODES)) throw error;
  if (error instanceof SqliteError) {
    const code = WORLD_RESULTS.get(primaryCode(error.code));
    const root = rootOf(error);
    // A limit of its own that it would meet again.
    const isItsOwn = root?.details.reason === "fetch-limit";
    if (code !== undefined && !isItsOwn)
      throw root ?? new GraftError(code, error.message, { cause: error });
    return { kind: "rejected", code: resultCodeName(error.code), message: error.message };
  }
  if (isGraftError(error)) return { kind: "rejected", code: error.code, message: error.message };
  if (!(error instanceof Error)) return { kind: "rejected", code: "error", message: String(error) };
  return { kind: "rejected", code: error.name, message: error.message };
}

/** What went wrong below SQLite, in the words of who knows. */
function rootOf(error: SqliteError): GraftError | undefined {
  let cause: unknown = error.cause;
  while (cause instanceof SqliteError) cause = cause.cause;
  return isGraftError(cause) ? cause : undefined;
}
