/**
 * The newest stored version of each page: an open-addressing table in one typed array.
 *
 * ```
 * cell = 4 words of 32 bits
 *   0  page index (0 = free)
 *   1  location
 *   2  version, low 32 bits
 *   3  version, high 16 bits · age stamp << 16
 * ```
 *
 * 16 bytes a cell; a large table is 74–85 % full, so that a page costs 19–22 bytes.
 */
import { invariant } from "@graft/core";
import { freeArray } from "./free-array.ts";

const WORDS = 4;
const CAPACITY_MIN = 64;
/** Beyond it a search for a missing page takes more than 23 steps on average. */
const LOAD_MAX = 0.85;
/** Below this capacity memory does not matter, and doubling spares copies. */
const DOUBLING_CAPACITY_MAX = 16_384;
const GROWTH = 1.15;
const TWO_32 = 0x1_0000_0000;
/** 2^32 divided by the golden ratio: neighbours land far apart, and evenly. */
const HASH_FACTOR = 0x9e37_79b1;

/** Where no cell is. */
export const NO_CELL = -1;
/** Versions are below 2^48: 1000 commits a second for 8900 years. */
export const VERSION_MAX: number = 2 ** 48 - 1;
export const STAMP_MAX = 0xffff;

export class PageTable {
  #capacity = CAPACITY_MIN;
  #words = new Uint32Array(CAPACITY_MIN * WORDS);
  #count = 0;
  /** Means nothing: see `touch`. */
  touchedSum = 0;

  /** How many pages are in the table. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#words.byteLength;
  }

  /** Makes room for this many pages at once. */
  reserve(count: number): void {
    const capacity = Math.ceil(count / LOAD_MAX) + 1;
    if (capacity > this.#capacity) this.#resize(capacity);
  }

  /** Takes all pages out, and gives the memory back. */
  clear(): void {
    freeArray(this.#words);
    this.#count = 0;
    this.#capacity = CAPACITY_MIN;
    this.#words = new Uint32Array(CAPACITY_MIN * WORDS);
  }

  /** Gives memory back that was reserved for pages which did not come, or are gone. */
  trim(): void {
    const capacity = Math.max(CAPACITY_MIN, Math.ceil(this.#count / LOAD_MAX) + 1);
    if (capacity * GROWTH < this.#capacity) this.#resize(capacity);
  }

  /**
   * Asks memory for the home cells of pages at once. In a large table each search waits for memory;
   * asked for together, many arrive in the time of one.
   */
  touch(
    pages: readonly (readonly [page: number, location: number])[],
    from: number,
    to: number,
  ): void {
    const words = this.#words;
    let sum = 0;
    for (let at = from; at < to; at++) {
      const entry = pages[at];
      if (entry !== undefined) sum += words[this.#home(entry[0])] ?? 0;
    }
    // Otherwise nobody would need what was read, and it might not be.
    this.touchedSum = sum;
  }

  /** The cell of a page, or `NO_CELL`. Valid until the next insert or remove. */
  find(page: number): number {
    const words = this.#words;
    const end = words.length;
    let at = this.#home(page);
    for (;;) {
      const present = words[at];
      if (present === page) return at;
      if (present === 0) return NO_CELL;
      at += WORDS;
      if (at === end) at = 0;
    }
  }

  pageOf(cell: number): number {
    return this.#words[cell] ?? 0;
  }

  locationOf(cell: number): number {
    return this.#words[cell + 1] ?? 0;
  }

  versionOf(cell: number): number {
    return (this.#words[cell + 2] ?? 0) + ((this.#words[cell + 3] ?? 0) & 0xffff) * TWO_32;
  }

  stampOf(cell: number): number {
    return (this.#words[cell + 3] ?? 0) >>> 16;
  }

  setLocation(cell: number, location: number): void {
    this.#words[cell + 1] = location;
  }

  setStamp(cell: number, stamp: number): void {
    this.#words[cell + 3] = ((this.#words[cell + 3] ?? 0) & 0xffff) | (stamp << 16);
  }

  setEntry(cell: number, entry: { version: number; location: number; stamp: number }): void {
    invariant(entry.version >= 0 && entry.version <= VERSION_MAX, "a version has 48 bits");
    const words = this.#words;
    words[cell + 1] = entry.location;
    words[cell + 2] = entry.version % TWO_32;
    words[cell + 3] = Math.floor(entry.version / TWO_32) | (entry.stamp << 16);
  }

  /**
   * Adds a page when it is not in the table, in one search; false when it is. Takes numbers, and
   * no object: it is called for every page of a store that is opened.
   */
  insertIfNew(page: number, version: number, location: number, stamp: number): boolean {
    if (this.#count + 1 > this.#capacity * LOAD_MAX) this.#resize(this.#nextCapacity());
    invariant(version >= 0 && version <= VERSION_MAX, "a version has 48 bits");
    const words = this.#words;
    let at = this.#home(page);
    for (let present = words[at]; present !== 0; present = words[at]) {
      if (present === page) return false;
      at += WORDS;
      if (at === words.length) at = 0;
    }
    words[at] = page;
    words[at + 1] = location;
    words[at + 2] = version % TWO_32;
    words[at + 3] = Math.floor(version / TWO_32) | (stamp << 16);
    this.#count++;
    return true;
  }

  /** Adds a page that is not in the table. */
  insert(page: number, entry: { version: number; location: number; stamp: number }): void {
    if (this.#count + 1 > this.#capacity * LOAD_MAX) this.#resize(this.#nextCapacity());
    const cell = this.#freeCell(page);
    this.#words[cell] = page;
    this.setEntry(cell, entry);
    this.#count++;
  }

  /** Takes a page out. What follows it moves up, so that no tombstone is needed. */
  remove(cell: number): void {
    const words = this.#words;
    let hole = cell;
    let at = cell;
    for (;;) {
      at += WORDS;
      if (at === words.length) at = 0;
      const page = words[at] ?? 0;
      if (page === 0) break;
      if (this.#mayMoveTo(hole, at, this.#home(page))) {
        words.copyWithin(hole, at, at + WORDS);
        hole = at;
      }
    }
    words.fill(0, hole, hole + WORDS);
    this.#count--;
  }

  /** The pages in [first, last] that have a cell. Costs the lesser of the range and the table. */
  pagesIn(first: number, last: number): number[] {
    const pages: number[] = [];
    if (last - first < this.count) {
      for (let page = first; page <= last; page++) {
        if (this.find(page) !== NO_CELL) pages.push(page);
      }
    } else {
      for (const cell of this.cells()) {
        const page = this.pageOf(cell);
        if (page >= first && page <= last) pages.push(page);
      }
    }
    return pages;
  }

  /** The cells in use, in no order. The table must not be changed meanwhile (stamps may). */
  *cells(): IterableIterator<number> {
    for (let cell = 0; cell < this.#words.length; cell += WORDS) {
      if (this.#words[cell] !== 0) yield cell;
    }
  }

  /** Calls for each page, in no order. The table must not be changed meanwhile. */
  forEach(visit: (page: number, version: number, location: number) => void): void {
    const words = this.#words;
    for (let cell = 0; cell < words.length; cell += WORDS) {
      const page = words[cell] ?? 0;
      if (page !== 0) visit(page, this.versionOf(cell), words[cell + 1] ?? 0);
    }
  }

  /** The cell where the search for a page begins. */
  #home(page: number): number {
    const hash = Math.imul(page, HASH_FACTOR) >>> 0;
    return Math.floor((hash * this.#capacity) / TWO_32) * WORDS;
  }

  #freeCell(page: number): number {
    let at = this.#home(page);
    while (this.#words[at] !== 0) {
      at += WORDS;
      if (at === this.#words.length) at = 0;
    }
    return at;
  }

  /** A cell may fill a hole that lies, in search order, between its home and itself. */
  #mayMoveTo(hole: number, at: number, home: number): boolean {
    return home <= at ? home <= hole && hole < at : home <= hole || hole < at;
  }

  #nextCapacity(): number {
    const factor = this.#capacity < DOUBLING_CAPACITY_MAX ? 2 : GROWTH;
    return Math.ceil(this.#capacity * factor);
  }

  #resize(capacity: number): void {
    const old = this.#words;
    // First of all: it may throw, and the table must still be what it was.
    this.#words = new Uint32Array(capacity * WORDS);
    this.#capacity = capacity;
    for (let from = 0; from < old.length; from += WORDS) {
      const page = old[from] ?? 0;
      if (page === 0) continue;
      const to = this.#freeCell(page);
      for (let word = 0; word < WORDS; word++) this.#words[to + word] = old[from + word] ?? 0;
    }
    freeArray(old);
  }
}
