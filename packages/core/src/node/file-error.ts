import { GraftError } from "../error.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EACCES: "permission",
  EPERM: "permission",
};

/** Whether the error says that the path does not exist. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
}

/** A `node:fs` failure as the file system's own error, with `details.reason`. */
export function fileError(action: string, path: string, cause: unknown): GraftError {
  if (cause instanceof GraftError) return cause;
  const system = codeOf(cause);
  const details = { path, reason: REASONS[system ?? ""] ?? "other", system: system ?? "unknown" };
  const message = `cannot ${action} "${path}": ${cause instanceof Error ? cause.message : cause}`;
  if (isMissing(cause)) return new GraftError("not-found", message, { cause, details });
  if (system === "EEXIST") return new GraftError("busy", message, { cause, details });
  return new GraftError("io", message, { cause, details });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
