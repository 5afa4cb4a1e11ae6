import { GraftError } from "@graft/core";
import { SqliteError } from "@graft/sqlite-engine";
import { UsageError } from "./usage-error.ts";

/** An error as programs see it: `{"error": …}` on stderr. */
export interface ErrorFacts {
  /** A code of the error manual, "usage", a SQLite result code's name, or "internal". */
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function errorFacts(error: unknown): ErrorFacts {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof GraftError) return { code: error.code, message, details: error.details };
  if (error instanceof UsageError) return { code: "usage", message, details: {} };
  if (!(error instanceof SqliteError)) return { code: "internal", message, details: {} };
  const { codeName: code, offset, cause } = error;
  const details = cause instanceof GraftError ? cause.details : {};
  return { code, message, details: { ...details, ...(offset !== undefined && { offset }) } };
}

/** Whether the message tells all: anything else is a bug of ours, and its stack matters. */
export function isKnownError(error: unknown): error is Error {
  return error instanceof GraftError || error instanceof UsageError || error instanceof SqliteError;
}
