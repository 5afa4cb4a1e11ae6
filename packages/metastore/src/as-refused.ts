import { GraftError } from "@graft/core";
import { nothingWritten } from "@graft/rpc";

/**
 * The same error, with the statement that no PUT was tried. What is no `GraftError` stays as it
 * is.
 */
export function asRefused(error: unknown): unknown {
  if (!(error instanceof GraftError)) return error;
  const details = { ...error.details, ...nothingWritten };
  return new GraftError(error.code, error.message, { details, cause: error.cause ?? error });
}
