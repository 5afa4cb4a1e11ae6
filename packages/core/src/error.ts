/** One of the thirteen codes of the error manual. */
export type GraftErrorCode =
  | "invalid-argument"
  | "not-found"
  | "rejected"
  | "diverged"
  | "unauthenticated"
  | "permission-denied"
  | "unavailable"
  | "resource-exhausted"
  | "corrupt"
  | "io"
  | "busy"
  | "busy-snapshot"
  | "internal";

/** What the manual says about a code. */
export interface ErrorAdvice {
  /** Whether the same request may be sent again with a hope of another answer. */
  readonly repeat: boolean;
  /** What a person should do. */
  readonly hint: string;
}

/**
 * The error manual. Each code: when it happens, whether the *same* request may be repeated, and
 * what a person should do. Expected answers (a missing commit, a lost race) are return values, not
 * errors.
 */
export const ERROR_MANUAL: Readonly<Record<GraftErrorCode, ErrorAdvice>> = {
  /** The request can never succeed as it is. */
  "invalid-argument": {
    repeat: false,
    hint: "correct the request; the message says what was expected",
  },
  /** The named volume, snapshot, segment, tag or file does not exist (or may not be known to). */
  "not-found": {
    repeat: false,
    hint: "check the name; a volume exists once its first commit landed",
  },
  /** Another commit holds the next LSN: the base has moved. Nothing was written. */
  rejected: { repeat: false, hint: "pull, then reset or rebase the local work" },
  /** The volume has local commits that the remote history does not continue. */
  diverged: {
    repeat: false,
    hint: "inspect `graft status`, then reset (local work is saved first)",
  },
  /** No token, or one that does not verify. */
  unauthenticated: { repeat: false, hint: "pass a valid token (GRAFT_TOKEN)" },
  /** The token is valid and does not cover this. */
  "permission-denied": { repeat: false, hint: "ask for a token that names this volume and access" },
  /** A server, a store or the network could not answer. The outcome of a write may be unknown. */
  unavailable: { repeat: true, hint: "try again; the same request is safe to repeat" },
  /** A limit of DESIGN §8 or a quota was exceeded. */
  "resource-exhausted": {
    repeat: false,
    hint: "split the request, or wait where the message says so",
  },
  /** Stored bytes do not hold what they claim. They are never served. */
  corrupt: {
    repeat: false,
    hint: "run `graft inspect` on the named object; restore it if it is remote",
  },
  /** The local disk or file system failed (full, read-only, gone). */
  io: { repeat: true, hint: "free space or mend the disk, then try again" },
  /** Another transaction or process holds the lock. */
  busy: { repeat: true, hint: "try again when the other transaction has ended" },
  /** The snapshot of a transaction that wants to write is no longer the latest. */
  "busy-snapshot": { repeat: false, hint: "roll back and run the transaction again" },
  /** A bug. */
  internal: { repeat: false, hint: "report it with the message and the log" },
};

/**
 * Facts about an error, for programs: `{ volume, lsn, expected, actual, … }`. JSON-safe values
 * only.
 */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

export interface GraftErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** The one error type that crosses a boundary of ours: a bad or an unlucky world. */
export class GraftError extends Error {
  override readonly name = "GraftError";
  readonly code: GraftErrorCode;
  readonly details: ErrorDetails;

  constructor(code: GraftErrorCode, message: string, options: GraftErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same request may be sent again with a hope of another answer. */
  get isRepeatable(): boolean {
    return ERROR_MANUAL[this.code].repeat;
  }

  /** What a person should do. */
  get hint(): string {
    return ERROR_MANUAL[this.code].hint;
  }
}

/** True for a `GraftError` of one of these codes. */
export function isGraftError(
  error: unknown,
  ...codes: readonly GraftErrorCode[]
): error is GraftError {
  return error instanceof GraftError && (codes.length === 0 || codes.includes(error.code));
}

/** True when `text` is a code of the manual (for errors that come over a wire). */
export function isGraftErrorCode(text: string): text is GraftErrorCode {
  return Object.hasOwn(ERROR_MANUAL, text);
}
