import { GraftError } from "@graft/core";

/** How much may be brought along that nobody asked for. Bytes on the wire. */
export interface PrefetchOptions {
  /**
   * Of a database's schema and the upper levels of its trees, with page 1; 0: that page alone.
   * Default 64 KiB.
   */
  readonly openBytes?: number | undefined;
  /**
   * Pages that one request asks for ahead of who reads in order, at most; 0: none. In vain is at
   * most about as much as was read. Default 1 MiB.
   */
  readonly readAheadBytes?: number | undefined;
  /**
   * Whether the SQL of statements, and the values bound to it, go to the server with the first page
   * that a statement misses: the server runs it, for its reads alone, and answers with all pages
   * that it touches. Default true.
   */
  readonly shareQueries?: boolean | undefined;
  /** Pages that come because of one statement, at most. Default 3 MiB. */
  readonly queryBytes?: number | undefined;
  /** All that ever comes with first answers, while it is open. Default 4 MiB. */
  readonly sessionBytes?: number | undefined;
}

const OPEN_BYTES_DEFAULT: number = 64 * 1024;
const READ_AHEAD_BYTES_DEFAULT: number = 1024 * 1024;
const QUERY_BYTES_DEFAULT: number = 3 * 1024 * 1024;
const SESSION_BYTES_DEFAULT: number = 4 * 1024 * 1024;
const BYTES_MAX = 0xffff_ffff;

/** What is left of it. */
export class PrefetchBudget {
  /** Page bytes asked for ahead at once at most. */
  readonly readAheadBytes: number;
  /** Page bytes that one statement may bring; 0: no statement is sent. */
  readonly queryBytes: number;
  readonly #openBytes: number;
  #sessionBytesLeft: number;

  /** @throws GraftError `invalid-argument` */
  constructor(options: PrefetchOptions) {
    this.#openBytes = checked("openBytes", options.openBytes ?? OPEN_BYTES_DEFAULT);
    this.readAheadBytes = checked(
      "readAheadBytes",
      options.readAheadBytes ?? READ_AHEAD_BYTES_DEFAULT,
    );
    const queryBytes = checked("queryBytes", options.queryBytes ?? QUERY_BYTES_DEFAULT);
    this.queryBytes = options.shareQueries === false ? 0 : queryBytes;
    this.#sessionBytesLeft = checked("sessionBytes", options.sessionBytes ?? SESSION_BYTES_DEFAULT);
  }

  /** Takes what one opening may bring; 0 when nothing may come. */
  takeOpenBytes(): number {
    const bytes = Math.min(this.#openBytes, this.#sessionBytesLeft);
    this.#sessionBytesLeft -= bytes;
    return bytes;
  }
}

function checked(name: string, bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= 0 && bytes <= BYTES_MAX) return bytes;
  throw new GraftError(
    "invalid-argument",
    `prefetch.${name} is ${bytes}: expected a whole number of bytes, 0 … ${BYTES_MAX}`,
  );
}
