/**
 * A chunk as a sorted list of runs: 4 bytes a run, however long it is. A run is first…last,
 * inclusive; runs neither overlap nor touch. All members are the low 16 bits of a value.
 */

import { setBits } from "./bits.ts";

/**
 * Up to this many runs are kept in a plain array: a typed array of a few bytes takes 200 bytes
 * more, which would be most of the memory of a set of scattered values.
 */
const SHORT_RUN_COUNT_MAX = 12;

/** Members that share their upper 16 bits, as runs. Fits sets with few or long runs. */
export class RunChunk {
  readonly kind = "runs";

  /** The upper 16 bits of every member. */
  readonly key: number;

  /** Number of members. */
  cardinality = 0;

  /** Number of runs. */
  runCount = 0;

  /** first and last of each run, alternating; may be longer than the runs take. */
  #bounds: Uint16Array | number[] = [];

  constructor(key: number) {
    this.key = key;
  }

  /** Whether `low` is a member. */
  contains(low: number): boolean {
    const index = this.#firstRunEndingFrom(low);
    return index < this.runCount && this.firstAt(index) <= low;
  }

  /** The first member at or after `low` (0…65536), or −1. */
  firstFrom(low: number): number {
    const index = this.#firstRunEndingFrom(low);
    return index === this.runCount ? -1 : Math.max(low, this.firstAt(index));
  }

  /** The last member of the run that holds the member `low`. */
  endOfRun(low: number): number {
    return this.lastAt(this.#firstRunEndingFrom(low));
  }

  /** The greatest member. The chunk must not be empty. */
  lastMember(): number {
    return this.lastAt(this.runCount - 1);
  }

  /** How many members lie in first…last. */
  countRange(first: number, last: number): number {
    let count = 0;
    for (let index = this.#firstRunEndingFrom(first); index < this.runCount; index++) {
      const start = Math.max(first, this.firstAt(index));
      if (start > last) {
        break;
      }
      count += Math.min(last, this.lastAt(index)) - start + 1;
    }
    return count;
  }

  /** Writes the 256 members from `block` × 256 as bits into eight words; answers how many. */
  readBlock(block: number, words: Uint32Array): number {
    const base = block * 256;
    let count = 0;
    words.fill(0);
    for (let index = this.#firstRunEndingFrom(base); index < this.runCount; index++) {
      const first = Math.max(this.firstAt(index) - base, 0);
      if (first > 255) {
        break;
      }
      const last = Math.min(this.lastAt(index) - base, 255);
      setBits(words, first, last);
      count += last - first + 1;
    }
    return count;
  }

  /** Adds first…last. */
  insertRange(first: number, last: number): void {
    const start = this.#firstRunEndingFrom(first - 1);
    const end = this.#firstRunStartingFrom(last + 2, start);
    const isApart = start === end;
    const mergedFirst = isApart ? first : Math.min(first, this.firstAt(start));
    const mergedLast = isApart ? last : Math.max(last, this.lastAt(end - 1));
    this.#makeRoom(start, end, 1);
    this.#setRun(start, mergedFirst, mergedLast);
  }

  /** Takes first…last away. */
  removeRange(first: number, last: number): void {
    const start = this.#firstRunEndingFrom(first);
    const end = this.#firstRunStartingFrom(last + 1, start);
    if (start === end) {
      return;
    }
    const restFirst = this.firstAt(start);
    const restLast = this.lastAt(end - 1);
    const restBefore = restFirst < first ? 1 : 0;
    const restAfter = restLast > last ? 1 : 0;
    this.#makeRoom(start, end, restBefore + restAfter);
    if (restBefore === 1) {
      this.#setRun(start, restFirst, first - 1);
    }
    if (restAfter === 1) {
      this.#setRun(start + restBefore, last + 1, restLast);
    }
  }

  /** First member of run `index`. */
  firstAt(index: number): number {
    return this.#bounds[2 * index] ?? outside(index);
  }

  /** Last member of run `index`. */
  lastAt(index: number): number {
    return this.#bounds[2 * index + 1] ?? outside(index);
  }

  /** An independent copy, without spare capacity. */
  clone(): RunChunk {
    const copy = new RunChunk(this.key);
    copy.#bounds = this.#bounds.slice(0, 2 * this.runCount);
    copy.runCount = this.runCount;
    copy.cardinality = this.cardinality;
    return copy;
  }

  /** Gives spare capacity back. */
  trim(): void {
    const length = 2 * this.runCount;
    if (this.#bounds.length > length) {
      const isShort = this.runCount <= SHORT_RUN_COUNT_MAX;
      const bounds = this.#bounds.slice(0, length);
      this.#bounds = isShort ? Array.from(bounds) : bounds;
    }
  }

  /** Bytes of the runs, spare capacity included. */
  get containerSize(): number {
    const boundSize = Array.isArray(this.#bounds) ? 8 : Uint16Array.BYTES_PER_ELEMENT;
    return this.#bounds.length * boundSize;
  }

  /** Takes the runs start…end − 1 out and leaves room for `count` runs there, to be set next. */
  #makeRoom(start: number, end: number, count: number): void {
    for (let index = start; index < end; index++) {
      this.cardinality -= this.lastAt(index) - this.firstAt(index) + 1;
    }
    if (count !== end - start) {
      const runCount = this.runCount - (end - start) + count;
      this.#reserve(runCount);
      this.#bounds.copyWithin(2 * (start + count), 2 * end, 2 * this.runCount);
      this.runCount = runCount;
    }
  }

  #reserve(runCount: number): void {
    const length = 2 * runCount;
    if (this.#bounds.length >= length) {
      return;
    }
    if (Array.isArray(this.#bounds) && runCount <= SHORT_RUN_COUNT_MAX) {
      // Unlike push, concat leaves no spare capacity behind.
      this.#bounds = this.#bounds.concat([0, 0]);
      return;
    }
    const grown = new Uint16Array(2 * length);
    grown.set(this.#bounds);
    this.#bounds = grown;
  }

  #setRun(index: number, first: number, last: number): void {
    this.#bounds[2 * index] = first;
    this.#bounds[2 * index + 1] = last;
    this.cardinality += last - first + 1;
  }

  /** Index of the first run whose last member is at or after `low`. */
  #firstRunEndingFrom(low: number): number {
    let start = 0;
    let end = this.runCount;
    // Most sets are built in ascending order, so the place past the end is looked at first.
    if (end > 0 && this.lastAt(end - 1) < low) {
      return end;
    }
    while (start < end) {
      const middle = (start + end) >>> 1;
      if (this.lastAt(middle) < low) {
        start = middle + 1;
      } else {
        end = middle;
      }
    }
    return start;
  }

  /** Index of the first run from run `start` on whose first member is at or after `low`. */
  #firstRunStartingFrom(low: number, start: number): number {
    let end = this.runCount;
    let found = start;
    while (found < end) {
      const middle = (found + end) >>> 1;
      if (this.firstAt(middle) < low) {
        found = middle + 1;
      } else {
        end = middle;
      }
    }
    return found;
  }
}

function outside(index: number): never {
  throw new RangeError(`run ${index} is outside the runs of the chunk`);
}
