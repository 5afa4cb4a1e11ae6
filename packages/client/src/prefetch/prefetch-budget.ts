import { GraftError } from "@graft/core";

/** How much may be brought along that nobody asked for. Bytes on the wire. */
export interface PrefetchOptions {
  /**
   * Of a database's schema and the upper levels of its trees, with the first answer; 0: nothing.
   * Default 64 KiB.
   */
  readonly openBytes?: number | undefined;
  /**
   * Pages that one request asks for ahead of who reads in order, at most; 0: none. In vain is at
   * most about as much as was read. Default 1 MiB.
   */
  readonly readAheadBytes?: number | undefined;
  /** All that ever comes with first answers, while it is open. Default 4 MiB. */
  readonly sessionBytes?: number | undefined;
}

const OPEN_BYTES_DEFAULT: number = 64 * 1024;
const READ_AHEAD_BYTES_DEFAULT: number = 1024 * 1024;
const SESSION_BYTES_DEFAULT: number = 4 * 1024 * 1024;
const BYTES_MAX = 0xffff_ffff;

/** What is left of it. */
export class PrefetchBudget {
  /** Page bytes asked for ahead at once at most. */
  readonly readAheadBytes: number;
  readonly #openBytes: number;
  #sessionBytesLeft: number;

  /** @throws GraftError `invalid-argument` */
  constructor(options: PrefetchOptions) {
    this.#openBytes = checked("openBytes", options.openBytes ?? OPEN_BYTES_DEFAULT);
    this.readAheadBytes = checked(
      "readAheadBytes",
      options.readAheadBytes ?? READ_AHEAD_BYTES_DEFAULT,
    );
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
