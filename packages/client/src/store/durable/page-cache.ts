/**
 * Pages that were read or fetched lately, in memory: what SQLite's own cache let go is often asked
 * for again. A page version never changes, so nothing here is ever wrong or old.
 *
 * Two places for each page; the one used longer ago gives way. Memory is taken as it is needed.
 */
import type { PageSize } from "@graft/core";

const WAYS = 2;
/** 4096 pages that were read once are remembered. */
const SEEN_BITS = 12;
/** 2^32 divided by the golden ratio: neighbours land far apart, and evenly. */
const HASH_FACTOR = 0x9e37_79b1;

export class PageCache {
  readonly #setBits: number;
  readonly #pages: Uint32Array;
  readonly #versions: Float64Array;
  readonly #frames: (Uint8Array | undefined)[];
  readonly #seen = new Uint32Array(1 << SEEN_BITS);
  /** Which way of each set was used last. */
  readonly #recent: Uint8Array;

  /** @param sizeMax bytes of pages it may hold; too few for a page: it holds none */
  constructor(sizeMax: number, pageSize: PageSize) {
    const setCount = Math.floor(sizeMax / (pageSize * WAYS));
    this.#setBits = setCount === 0 ? -1 : 31 - Math.clz32(setCount);
    const sets = setCount === 0 ? 0 : 1 << this.#setBits;
    this.#pages = new Uint32Array(sets * WAYS);
    this.#versions = new Float64Array(sets * WAYS);
    this.#frames = Array.from({ length: sets * WAYS }, () => undefined);
    this.#recent = new Uint8Array(sets);
  }

  /** Copies a page version into `target` when it is here. */
  read(page: number, version: number, target: Uint8Array): boolean {
    if (this.#setBits < 0) return false;
    const set = this.#setOf(page);
    const at = this.#find(set, page, version);
    const frame = at < 0 ? undefined : this.#frames[at];
    if (frame === undefined) return false;
    this.#recent[set] = at % WAYS;
    target.set(frame);
    return true;
  }

  /**
   * Keeps a copy of a page version that was read before not long ago: a scan leaves the cache
   * alone.
   */
  putWhenSeen(page: number, version: number, data: Uint8Array): void {
    const at = Math.imul(page, HASH_FACTOR) >>> (32 - SEEN_BITS);
    if (this.#seen[at] === page) this.put(page, version, data);
    else this.#seen[at] = page;
  }

  /** Keeps a copy of a page version. */
  put(page: number, version: number, data: Uint8Array): void {
    if (this.#setBits < 0) return;
    const set = this.#setOf(page);
    const way = 1 - (this.#recent[set] ?? 0);
    const found = this.#find(set, page, version);
    const at = found < 0 ? set * WAYS + way : found;
    this.#pages[at] = page;
    this.#versions[at] = version;
    this.#recent[set] = at % WAYS;
    const frame = this.#frames[at];
    if (frame === undefined) this.#frames[at] = data.slice();
    else frame.set(data);
  }

  /** Forgets everything: another state may give a version to other bytes. */
  clear(): void {
    this.#pages.fill(0);
    this.#seen.fill(0);
  }

  #setOf(page: number): number {
    return this.#setBits === 0 ? 0 : Math.imul(page, HASH_FACTOR) >>> (32 - this.#setBits);
  }

  #find(set: number, page: number, version: number): number {
    const first = set * WAYS;
    for (let at = first; at < first + WAYS; at++) {
      if (this.#pages[at] === page && this.#versions[at] === version) return at;
    }
    return -1;
  }
}
