/**
 * The pages that SQLite may know of one file: those it loaded or wrote since it emptied its page
 * cache. A transaction may have read each of them, now or earlier: SQLite answers from its cache
 * without asking.
 *
 * SQLite empties the cache when it takes a lock and finds another change counter than the one it
 * read or wrote last. A counter never comes back, so one that is above all that were shown or
 * written is another one, and only then is anything forgotten here. What is forgotten too late
 * makes a merge less likely; what is forgotten too early would make one wrong.
 */
import { MutablePageSet, type PageSet } from "@graft/core";

/** Pages in a chunk of the bitmap, 4 KiB. */
const CHUNK_BITS = 15;
const CHUNK_WORDS = 1 << (CHUNK_BITS - 5);
/**
 * Runs of pages in a read set, at most: 4 bytes each in a commit. Beyond it small gaps count as
 * read.
 */
const RUN_COUNT_MAX = 1024;
/** Pages that are put into the set one by one; with more it is made anew. */
const ADDED_COUNT_MAX = 256;

/** Pages first … last. */
interface Run {
  readonly first: number;
  last: number;
}

export class ReadSet {
  /** By page index >>> CHUNK_BITS. */
  readonly #chunks = new Map<number, Uint32Array>();
  #chunk: Uint32Array = new Uint32Array(0);
  #chunkAt = -1;
  #counterMax = -1;
  /** As of the last call. Handed out: never changed. */
  #pages: PageSet | undefined;
  /** What has come since. */
  #added: number[] = [];

  /** SQLite is given the page, or gives it. It is done at every read. */
  add(index: number): void {
    if (index >>> CHUNK_BITS !== this.#chunkAt) this.#enterChunk(index >>> CHUNK_BITS);
    const chunk = this.#chunk;
    const at = (index >>> 5) & (CHUNK_WORDS - 1);
    const word = chunk[at] ?? 0;
    const marked = word | (1 << (index & 31));
    if (marked === word) return;
    chunk[at] = marked;
    if (this.#pages === undefined) return;
    if (this.#added.length < ADDED_COUNT_MAX) this.#added.push(index);
    else this.#pages = undefined;
  }

  /** SQLite is shown page 1 with this change counter, before it is given any other page. */
  show(counter: number): void {
    if (counter <= this.#counterMax) return;
    this.#counterMax = counter;
    this.#clear();
  }

  /** SQLite wrote page 1 with this change counter: the same counter does not empty the cache. */
  noteWritten(counter: number): void {
    this.#counterMax = Math.max(this.#counterMax, counter);
  }

  /** At least all pages that were added. */
  get pages(): PageSet {
    const before = this.#pages;
    const added = this.#added;
    if (before !== undefined && added.length === 0) return before;
    this.#added = [];
    this.#pages = before === undefined ? undefined : withAdded(before, added);
    this.#pages ??= toPageSet(this.#runs());
    return this.#pages;
  }

  #clear(): void {
    this.#chunks.clear();
    this.#chunkAt = -1;
    this.#pages = undefined;
    this.#added = [];
  }

  #enterChunk(at: number): void {
    const chunk = this.#chunks.get(at) ?? new Uint32Array(CHUNK_WORDS);
    this.#chunks.set(at, chunk);
    this.#chunk = chunk;
    this.#chunkAt = at;
  }

  /** At most `RUN_COUNT_MAX`; never many more on the way: a large volume may be read in bits. */
  #runs(): readonly Run[] {
    let runs: Run[] = [];
    for (const at of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const words = this.#chunks.get(at) ?? new Uint32Array(0);
      for (let word = 0; word < words.length; word++) {
        addWord(runs, (at * CHUNK_WORDS + word) * 32, words[word] ?? 0);
      }
      runs = withoutSmallGaps(runs);
    }
    return runs;
  }
}

/** @param first the page of the lowest bit */
function addWord(runs: Run[], first: number, word: number): void {
  for (let left = word; left !== 0; ) {
    const bit = 31 - Math.clz32(left & -left);
    const page = first + bit;
    const run = runs.at(-1);
    if (run !== undefined && run.last === page - 1) run.last = page;
    else runs.push({ first: page, last: page });
    left &= left - 1;
  }
}

/** Joins neighbours, if there are too many runs, until there is room again. */
function withoutSmallGaps(runs: Run[]): Run[] {
  if (runs.length <= RUN_COUNT_MAX) return runs;
  let joined = runs;
  for (let gap = 2; joined.length > RUN_COUNT_MAX / 2; gap *= 2) joined = joinWithin(joined, gap);
  return joined;
}

function joinWithin(runs: readonly Run[], gap: number): Run[] {
  const joined: Run[] = [];
  for (const { first, last } of runs) {
    const run = joined.at(-1);
    if (run !== undefined && first - run.last <= gap) run.last = last;
    else joined.push({ first, last });
  }
  return joined;
}

function toPageSet(runs: readonly Run[]): PageSet {
  const pages = new MutablePageSet();
  for (const { first, last } of runs) pages.insertRange(first, last);
  return pages;
}

/** The same set when it has them all; undefined when it would have too many runs. */
function withAdded(pages: PageSet, added: readonly number[]): PageSet | undefined {
  const missing = added.filter((page) => !pages.contains(page));
  if (missing.length === 0) return pages;
  const all = pages.clone();
  for (const page of missing) all.insert(page);
  return runCountOf(all) <= RUN_COUNT_MAX ? all : undefined;
}

function runCountOf(pages: PageSet): number {
  let count = 0;
  for (const _ of pages.ranges()) count++;
  return count;
}
