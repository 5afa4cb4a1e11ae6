import { damaged } from "./damage.ts";
import type { DatabaseFile } from "./database-file.ts";

/** Pages per block of bits; a block is made when one of its pages is taken. */
const BLOCK_PAGE_COUNT = 65_536;

/**
 * Which pages of a database are already spoken for: a page that is named twice is a crossed link.
 */
export class PageOwners {
  readonly #file: DatabaseFile;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(file: DatabaseFile) {
    this.#file = file;
  }

  /** @throws GraftError `corrupt`, naming `parent`, or the page when it has two owners */
  take(page: number, parent: number): void {
    const { path, pageCount, lockPage } = this.#file;
    if (page < 1 || page > pageCount || page === lockPage) {
      throw damaged(path, parent, `it points to page ${page} of ${pageCount}`);
    }
    const key = Math.floor(page / BLOCK_PAGE_COUNT);
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = new Uint8Array(BLOCK_PAGE_COUNT / 8);
      this.#blocks.set(key, block);
    }
    const bit = page % BLOCK_PAGE_COUNT;
    const byte = block[bit >> 3] ?? 0;
    if ((byte & (1 << (bit & 7))) !== 0) {
      throw damaged(path, page, `it is used twice, the second time by page ${parent}`);
    }
    block[bit >> 3] = byte | (1 << (bit & 7));
  }
}
