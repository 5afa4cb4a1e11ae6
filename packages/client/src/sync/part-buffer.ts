import { invariant, type Page, type PageIndex, type PageSize } from "@graft/core";

/**
 * Memory for the pages of one part of an upload, used again for part after part: an upload of any
 * size takes what its parts under way take, and leaves the collector nothing to do.
 */
export class PartBuffer {
  readonly #bytes: Uint8Array;
  readonly #pageSize: PageSize;
  #pages: Page[] = [];

  constructor(size: number, pageSize: PageSize) {
    this.#bytes = new Uint8Array(size);
    this.#pageSize = pageSize;
  }

  /** Valid until `clear`. */
  get pages(): readonly Page[] {
    return this.#pages;
  }

  get isFull(): boolean {
    return (this.#pages.length + 1) * this.#pageSize > this.#bytes.length;
  }

  /** Copies a page. */
  add(page: Page): void {
    invariant(!this.isFull, "a part takes no more than it has room for");
    invariant(page.data.length === this.#pageSize, "a page has the page size of its volume");
    this.#pages.push({ index: page.index, data: this.#put(page.data) });
  }

  clear(): void {
    this.#pages = [];
  }

  get first(): PageIndex | undefined {
    return this.#pages[0]?.index;
  }

  #put(data: Uint8Array): Uint8Array {
    const at = this.#pages.length * this.#pageSize;
    const copy = this.#bytes.subarray(at, at + this.#pageSize);
    copy.set(data);
    return copy;
  }
}
