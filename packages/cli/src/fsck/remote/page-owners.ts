/**
 * Which commit wrote each page last: the log folded forward, against which tail indexes and
 * checkpoints are held. 8 bytes a page that exists, whatever the length of the log.
 */
import type { PageSet } from "@graft/core";

const CHUNK_SIZE = 4096;

/** Pages by the LSN that wrote them last. */
export class PageOwners {
  /** LSNs by page, a chunk of pages each; 0: the page was never written, or was cut off. */
  readonly #chunks = new Map<number, Float64Array>();
  readonly #countByLsn = new Map<number, number>();
  #count = 0;
  #highest = 0;

  /** Pages that exist. */
  get count(): number {
    return this.#count;
  }

  /** The LSN that wrote a page last; undefined: it reads as zeros. */
  get(page: number): number | undefined {
    const lsn = this.#chunks.get(Math.floor(page / CHUNK_SIZE))?.[page % CHUNK_SIZE] ?? 0;
    return lsn === 0 ? undefined : lsn;
  }

  /** Pages whose newest version is above an LSN. */
  countAbove(lsn: number): number {
    let count = 0;
    for (const [one, pages] of this.#countByLsn) if (one > lsn) count += pages;
    return count;
  }

  /** A commit: what is above its low page count falls away, then its own pages are the newest. */
  apply(lsn: number, lowPageCount: number, pages: PageSet): void {
    this.#cutAbove(lowPageCount);
    this.add(lsn, pages);
  }

  /** Pages that an LSN wrote last. */
  add(lsn: number, pages: PageSet): void {
    for (const page of pages) this.#set(page, lsn);
    this.#highest = Math.max(this.#highest, pages.last ?? 0);
  }

  /** The first page of a set that another commit wrote last, and which. */
  firstOther(
    lsn: number,
    pages: PageSet,
  ): { readonly page: number; readonly lsn: number | undefined } | undefined {
    for (const page of pages) {
      const actual = this.get(page);
      if (actual !== lsn) return { page, lsn: actual };
    }
    return undefined;
  }

  clear(): void {
    this.#chunks.clear();
    this.#countByLsn.clear();
    this.#count = 0;
    this.#highest = 0;
  }

  #cutAbove(pageCount: number): void {
    if (this.#highest <= pageCount) return;
    for (const [number, chunk] of this.#chunks) {
      const first = number * CHUNK_SIZE;
      if (first + CHUNK_SIZE <= pageCount + 1) continue;
      for (let at = Math.max(0, pageCount + 1 - first); at < CHUNK_SIZE; at++) {
        if (chunk[at] !== 0) this.#set(first + at, 0);
      }
      if (first > pageCount) this.#chunks.delete(number);
    }
    this.#highest = pageCount;
  }

  #set(page: number, lsn: number): void {
    const number = Math.floor(page / CHUNK_SIZE);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new Float64Array(CHUNK_SIZE);
      this.#chunks.set(number, chunk);
    }
    const old = chunk[page % CHUNK_SIZE] ?? 0;
    if (old === lsn) return;
    chunk[page % CHUNK_SIZE] = lsn;
    if (old === 0) this.#count++;
    else this.#addTo(old, -1);
    if (lsn === 0) this.#count--;
    else this.#addTo(lsn, 1);
  }

  #addTo(lsn: number, change: number): void {
    const count = (this.#countByLsn.get(lsn) ?? 0) + change;
    if (count === 0) this.#countByLsn.delete(lsn);
    else this.#countByLsn.set(lsn, count);
  }
}
