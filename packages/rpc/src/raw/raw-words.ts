/**
 * What v0.1 says of each failure, word for word: its tools and tests know these texts (WIRE-v0.1
 * §1.4). Ours, which name the object and the next step, become the cause, and stand in the log.
 * What v0.1 did not know (another page size, a limit of ours) is said in our words.
 */
import { GraftError, type GraftErrorCode, isGraftError } from "@graft/core";

/** Texts for what a request says. */
export const RAW_WORDS = {
  body: "invalid request body",
  id: "failed to parse id",
  lsn: "invalid LSN",
  pageSet: "failed to parse graft",
  pageCount: "too many page indexes",
  pageZero: "page indexes must be larger than zero",
  pageIndex: "invalid page index",
  page: "invalid page",
  doublePage: "duplicate page index",
  otherRetry: "idempotent commit does not match previous request",
} as const;

/** Texts for what happens on a route, by code. */
export type RouteWords = Readonly<Partial<Record<GraftErrorCode, string>>>;

const STORE_WORDS: RouteWords = {
  unavailable: "volume store error",
  corrupt: "volume store error",
  io: "volume store error",
};

export const PULL_WORDS: RouteWords = {
  ...STORE_WORDS,
  "not-found": "failed to load snapshot for volume",
};

/** Segments that do not exist have no words in v0.1, which did not look. */
export const COMMIT_WORDS: RouteWords = { ...STORE_WORDS, rejected: "volume commit rejected" };

/** v0.1's PageStore asked its MetaStore, and passed on what that answered. */
export const READ_WORDS: RouteWords = {
  "not-found": "graft client request failed",
  unavailable: "failed to download segment",
  corrupt: "failed to validate segment",
  io: "io error",
};

export const WRITE_WORDS: RouteWords = {
  unavailable: "failed to upload segment",
  io: "io error",
};

/** Reads a part of a request. @throws GraftError with v0.1's text when it is malformed */
export function inRawWords<T>(words: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isGraftError(cause, "invalid-argument")) throw cause;
    throw refusal(words, cause);
  }
}

/** A request that v0.1 refuses with this text. */
export function refusal(words: string, cause?: unknown): GraftError {
  return new GraftError("invalid-argument", words, { cause });
}

/** The same error in the words of a route. What is no `GraftError` stays as it is. */
export function inWordsOf(route: RouteWords, error: unknown): unknown {
  if (!(error instanceof GraftError)) return error;
  const words = route[error.code];
  if (words === undefined) return error;
  return new GraftError(error.code, words, { details: error.details, cause: error });
}
