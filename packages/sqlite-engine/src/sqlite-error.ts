import { primaryCode, resultCodeName } from "./result-codes.ts";

/** What is known about a failure beside its code and message. */
export interface SqliteErrorOptions {
  /** Byte offset in the SQL text (UTF-8) at which the failure was found. */
  readonly offset?: number;
  /** What the file below threw, when the failure came from there. */
  readonly cause?: unknown;
}

/**
 * A failure that SQLite reports, or that a `Vfs` reports to it. The layer above translates it; here
 * it stays in SQLite's own words.
 */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  /** Extended result code, e.g. 517. */
  readonly code: number;
  /** Its name, e.g. `SQLITE_BUSY_SNAPSHOT`. */
  readonly codeName: string;
  readonly offset: number | undefined;

  constructor(code: number, message: string, options: SqliteErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.codeName = resultCodeName(code);
    this.offset = options.offset;
  }

  /** The low 8 bits of the code, e.g. 5 for every kind of `SQLITE_BUSY`. */
  get primaryCode(): number {
    return primaryCode(this.code);
  }
}
