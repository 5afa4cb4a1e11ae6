import { HEADER, readUint32, statedPageCount, statedPageSize } from "../page-one.ts";
import { mustBePageSize } from "./page-size-rule.ts";

/** Page 1 as SQLite wrote it in the transaction that is open. */
export class DirtyPageOne {
  readonly #pageSize: number;
  /** Kept from one transaction to the next: each of them writes page 1. */
  #buffer: Uint8Array | undefined;
  #bytes: Uint8Array | undefined;
  /** Whether the writer holds a page 1 from an attempt to commit that failed. */
  isHanded = false;

  constructor(pageSize: number) {
    this.#pageSize = pageSize;
  }

  /** Undefined: it was not written. Valid until the next `write`. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** @throws SqliteError: a page of another size */
  write(bytes: Uint8Array): void {
    // VACUUM to another size copies its image in pages of ours; only its header tells.
    mustBePageSize(this.#pageSize, statedPageSize(bytes));
    this.#buffer ??= new Uint8Array(this.#pageSize);
    this.#buffer.set(bytes);
    this.#bytes = this.#buffer;
  }

  /** The change counter in it, and the page count. Undefined: it was not written. */
  get stated(): { readonly counter: number; readonly pageCount: number } | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined) return undefined;
    return { counter: readUint32(bytes, HEADER.changeCounter), pageCount: statedPageCount(bytes) };
  }

  /**
   * Whether it is as the transaction found it: SQLite counts "whenever the database file is
   * unlocked after having been modified" (fileformat2 §1.3.7).
   *
   * @param shown the counter that SQLite was shown
   */
  isPutBack(shown: number): boolean {
    const { stated } = this;
    return stated === undefined || stated.counter === shown;
  }

  /** The transaction has ended. */
  clear(): void {
    this.#bytes = undefined;
    this.isHanded = false;
  }
}
