import { GraftError } from "../error.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "full",
  EROFS: "read-only",
  EACCES: "permission",
  EPERM: "permission",
};

/** SQLite's primary result codes, as it reports them for a lock file. */
const SQLITE_SYSTEM_CODES: Readonly<Record<number, string>> = {
  3: "EACCES",
  8: "EROFS",
  13: "ENOSPC",
};

/** Whether the error says that the path does not exist. */
export function isMissing(error: unknown): boolean {
  const system = systemCode(error);
  return system === "ENOENT" || system === "ENOTDIR";
}

/** Whether the error says that the path exists. */
export function isExisting(error: unknown): boolean {
  return systemCode(error) === "EEXIST";
}

/** A `node:fs` failure as the file system's own error, with `details.reason`. */
export function fileError(action: string, path: string, cause: unknown): GraftError {
  if (cause instanceof GraftError) return cause;
  const system = systemCode(cause) ?? "unknown";
  const details = { path, reason: REASONS[system] ?? "other", system };
  const message = `cannot ${action} "${path}": ${cause instanceof Error ? cause.message : cause}`;
  if (isMissing(cause)) return new GraftError("not-found", message, { cause, details });
  if (isExisting(cause)) return new GraftError("busy", message, { cause, details });
  return new GraftError("io", message, { cause, details });
}

/** SQLite's result code without its extension; undefined for other errors. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

function systemCode(error: unknown): string | undefined {
  const sqlite = sqliteCode(error);
  if (sqlite !== undefined) return SQLITE_SYSTEM_CODES[sqlite] ?? `SQLITE_${sqlite}`;
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
