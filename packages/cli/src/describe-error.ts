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
  const message = messageOf(error);
  if (error instanceof GraftError) return { code: error.code, message, details: error.details };
  if (error instanceof UsageError) return { code: "usage", message, details: {} };
  if (!(error instanceof SqliteError)) return { code: "internal", message, details: {} };
  const { codeName: code, offset } = error;
  const origin = originOf(error);
  const details = origin instanceof GraftError ? origin.details : {};
  return { code, message, details: { ...details, ...(offset !== undefined && { offset }) } };
}

/** What happened, on one line. "disk I/O error" says little: what the volume said comes with it. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const origin = originOf(error);
  const isTold = !(origin instanceof Error) || message.includes(origin.message);
  return (isTold ? message : `${message}: ${origin.message}`).replaceAll(/\s*\n\s*/g, " ");
}

/** What SQLite reports is often what the volume below reported to it. */
export function originOf(error: unknown): unknown {
  let origin = error;
  while (origin instanceof SqliteError) {
    const { cause } = origin;
    if (!(cause instanceof SqliteError || cause instanceof GraftError)) break;
    origin = cause;
  }
  return origin;
}

/** Whether the message tells all: anything else is a bug of ours, and its stack matters. */
export function isKnownError(error: unknown): error is Error {
  return error instanceof GraftError || error instanceof UsageError || error instanceof SqliteError;
}
