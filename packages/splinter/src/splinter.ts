/**
 * A mutable set of u32 that stays compressed in memory.
 *
 * A set is a list of chunks, ascending by the upper 16 bits of their members; a chunk is a list of
 * runs or a bitmap (see chunk.ts). Ranges cost what their number costs, never what they hold:
 * {1 … 10 000 000} is 153 chunks of one run each.
 */

import { type Chunk, chunkAt, createChunk, equalChunks, findChunk, settle } from "./chunk.ts";
import { uniteChunks } from "./combine-chunks.ts";

/** The greatest value a set can hold: 2³² − 1. */
export const VALUE_MAX = 0xffff_ffff;

/** Chunks put into the list in place: more of them would not fit the stack as arguments. */
const SPLICE_COUNT_MAX = 1024;

/** A run of members: first…last, both inclusive. */
export interface ValueRange {
  readonly first: number;
  readonly last: number;
}

/** The chunks of a set, for the package's own modules. Do not change them. */
export let chunksOf: (set: Splinter) => readonly Chunk[];

/** Makes `chunks` (ascending, none empty, shared with no other set) the content of a set. */
export let adoptChunks: (set: Splinter, chunks: Chunk[]) => void;

/** Adds the members of a chunk, which stays its owner's. */
export let uniteChunkInto: (set: Splinter, chunk: Chunk) => void;

/**
 * A mutable set of integers 0…2³²−1, iterated in ascending order.
 *
 * Every value handed in must be such an integer: anything else is broken code and throws a
 * RangeError, so that no value ever wraps silently into another. A set that is changed while it is
 * iterated goes on with members after the last one given out, of which some may be gone.
 */
export class Splinter implements Iterable<number> {
  static {
    chunksOf = (set) => set.#chunks;
    adoptChunks = (set, chunks) => {
      set.#chunks = chunks;
      set.#cardinality = chunks.reduce((sum, chunk) => sum + chunk.cardinality, 0);
    };
    uniteChunkInto = (set, chunk) => {
      const index = findChunk(set.#chunks, chunk.key);
      if (index < 0) {
        set.#chunks.splice(~index, 0, chunk.clone());
        set.#cardinality += chunk.cardinality;
        return;
      }
      const present = chunkAt(set.#chunks, index);
      set.#cardinality -= present.cardinality;
      const united = uniteChunks(present, chunk);
      set.#cardinality += united.cardinality;
      set.#chunks[index] = united;
    };
  }

  #chunks: Chunk[] = [];
  #cardinality = 0;

  /** A set with these members. */
  static of(...values: readonly number[]): Splinter {
    return Splinter.from(values);
  }

  /** A set with these members, in any order. */
  static from(values: Iterable<number>): Splinter {
    const set = new Splinter();
    for (const value of values) {
      set.insert(value);
    }
    return set;
  }

  /** The set {from, …, to}; empty when `to` < `from`. */
  static fromRange(from: number, to: number): Splinter {
    const set = new Splinter();
    set.insertRange(from, to);
    return set;
  }

  /** Number of members, 0…2³². Costs nothing. */
  get cardinality(): number {
    return this.#cardinality;
  }

  /** Whether the set has no member. */
  get isEmpty(): boolean {
    return this.#cardinality === 0;
  }

  /** The least member, or undefined when the set is empty. */
  get first(): number | undefined {
    return this.firstFrom(0);
  }

  /** The greatest member, or undefined when the set is empty. */
  get last(): number | undefined {
    const chunk = this.#chunks.at(-1);
    return chunk === undefined ? undefined : toValue(chunk.key, chunk.lastMember());
  }

  /**
   * Bytes of runs and bitmaps the set holds, for caches that bound themselves: close to the
   * encoded size. Each chunk (65 536 values that have a member) takes 130 to 280 bytes more.
   */
  get containerSize(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.containerSize, 0);
  }

  /** Number of chunks: ranges of 65 536 values that have a member. At most 65 536. */
  get chunkCount(): number {
    return this.#chunks.length;
  }

  /** Whether `value` is a member. Allocates nothing. */
  contains(value: number): boolean {
    mustBeValue(value);
    const index = findChunk(this.#chunks, value >>> 16);
    return index >= 0 && chunkAt(this.#chunks, index).contains(value & 0xffff);
  }

  /** Adds `value`; answers whether it was missing. */
  insert(value: number): boolean {
    mustBeValue(value);
    const low = value & 0xffff;
    const index = findChunk(this.#chunks, value >>> 16);
    if (index < 0) {
      this.#chunks.splice(~index, 0, createChunk(value >>> 16, low, low));
    } else {
      const chunk = chunkAt(this.#chunks, index);
      if (chunk.contains(low)) {
        return false;
      }
      chunk.insertRange(low, low);
      this.#chunks[index] = settle(chunk);
    }
    this.#cardinality++;
    return true;
  }

  /**
   * Adds from…to, both inclusive; nothing when `to` < `from`. Costs what the 65 536-value chunks
   * it touches cost, at a run each.
   */
  insertRange(from: number, to: number): void {
    mustBeValue(from);
    mustBeValue(to);
    if (to < from) {
      return;
    }
    const { start, end } = this.#chunksBetween(from, to);
    const touched = this.#chunks.slice(start, end);
    const changed: Chunk[] = [];
    let reused = 0;
    for (let key = from >>> 16; key <= to >>> 16; key++) {
      const { first, last } = lowRange(key, from, to);
      const present = touched[reused];
      if (present?.key !== key) {
        changed.push(createChunk(key, first, last));
        this.#cardinality += last - first + 1;
        continue;
      }
      reused++;
      this.#cardinality -= present.cardinality;
      present.insertRange(first, last);
      this.#cardinality += present.cardinality;
      changed.push(settle(present));
    }
    this.#replace(start, end, changed);
  }

  /** Takes `value` away; answers whether it was a member. */
  remove(value: number): boolean {
    if (!this.contains(value)) {
      return false;
    }
    this.removeRange(value, value);
    return true;
  }

  /** Takes from…to away, both inclusive; nothing when `to` < `from`. */
  removeRange(from: number, to: number): void {
    mustBeValue(from);
    mustBeValue(to);
    if (to < from) {
      return;
    }
    const { start, end } = this.#chunksBetween(from, to);
    const changed: Chunk[] = [];
    for (let index = start; index < end; index++) {
      const chunk = chunkAt(this.#chunks, index);
      const { first, last } = lowRange(chunk.key, from, to);
      this.#cardinality -= chunk.cardinality;
      chunk.removeRange(first, last);
      this.#cardinality += chunk.cardinality;
      if (chunk.cardinality > 0) {
        changed.push(settle(chunk));
      }
    }
    this.#replace(start, end, changed);
  }

  /** Takes every member away. */
  clear(): void {
    this.#chunks = [];
    this.#cardinality = 0;
  }

  /** The least member at or after `from`, or undefined. Allocates nothing. */
  firstFrom(from: number): number | undefined {
    mustBeValue(from);
    const found = findChunk(this.#chunks, from >>> 16);
    let index = found < 0 ? ~found : found;
    let low = found < 0 ? 0 : from & 0xffff;
    while (index < this.#chunks.length) {
      const chunk = chunkAt(this.#chunks, index);
      const member = chunk.firstFrom(low);
      if (member !== -1) {
        return toValue(chunk.key, member);
      }
      index++;
      low = 0;
    }
    return undefined;
  }

  /** How many members lie in from…to, both inclusive; 0 when `to` < `from`. */
  countRange(from: number, to: number): number {
    mustBeValue(from);
    mustBeValue(to);
    let count = 0;
    const { start, end } = this.#chunksBetween(from, to);
    for (let index = start; index < end && from <= to; index++) {
      const chunk = chunkAt(this.#chunks, index);
      const { first, last } = lowRange(chunk.key, from, to);
      count += last - first === 0xffff ? chunk.cardinality : chunk.countRange(first, last);
    }
    return count;
  }

  /** The members from `from` on, ascending. */
  *values(from = 0): IterableIterator<number> {
    for (const { first, last } of this.ranges(from)) {
      for (let value = first; value <= last; value++) {
        yield value;
      }
    }
  }

  /** The members from `from` on as the fewest ranges, ascending. Costs what the ranges cost. */
  *ranges(from = 0): IterableIterator<ValueRange> {
    for (let first = this.firstFrom(from); first !== undefined; ) {
      const last = this.#endOfRange(first);
      yield { first, last };
      first = last === VALUE_MAX ? undefined : this.firstFrom(last + 1);
    }
  }

  /** The members, ascending. */
  [Symbol.iterator](): IterableIterator<number> {
    return this.values();
  }

  /** An independent copy. */
  clone(): Splinter {
    const copy = new Splinter();
    copy.#chunks = this.#chunks.map((chunk) => chunk.clone());
    copy.#cardinality = this.#cardinality;
    return copy;
  }

  /** Whether both sets have the same members. */
  equals(other: Splinter): boolean {
    return (
      this.#cardinality === other.#cardinality &&
      this.#chunks.length === other.#chunks.length &&
      this.#chunks.every((chunk, index) => equalChunks(chunk, chunkAt(other.#chunks, index)))
    );
  }

  /** The last member of the unbroken range that holds the member `first`. */
  #endOfRange(first: number): number {
    let index = findChunk(this.#chunks, first >>> 16);
    let chunk = chunkAt(this.#chunks, index);
    let low = chunk.endOfRun(first & 0xffff);
    while (low === 0xffff) {
      const next = this.#chunks[++index];
      if (next?.key !== chunk.key + 1 || !next.contains(0)) {
        break;
      }
      chunk = next;
      low = chunk.endOfRun(0);
    }
    return toValue(chunk.key, low);
  }

  /** Indexes start…end − 1 of the chunks that may hold members of from…to. */
  #chunksBetween(from: number, to: number): { readonly start: number; readonly end: number } {
    const start = findChunk(this.#chunks, from >>> 16);
    const last = findChunk(this.#chunks, to >>> 16);
    return { start: start < 0 ? ~start : start, end: last < 0 ? ~last : last + 1 };
  }

  #replace(start: number, end: number, chunks: readonly Chunk[]): void {
    if (chunks.length === end - start) {
      for (const [offset, chunk] of chunks.entries()) {
        this.#chunks[start + offset] = chunk;
      }
      return;
    }
    // A splice moves what follows, which at the end of the list is nothing; a new list would cost
    // a set of scattered members its whole length at each of them.
    if (chunks.length <= SPLICE_COUNT_MAX) this.#chunks.splice(start, end - start, ...chunks);
    else this.#chunks = [...this.#chunks.slice(0, start), ...chunks, ...this.#chunks.slice(end)];
  }
}

/** The part of from…to that lies in the chunk with `key`, as low 16 bits. */
function lowRange(key: number, from: number, to: number): ValueRange {
  return {
    first: key === from >>> 16 ? from & 0xffff : 0,
    last: key === to >>> 16 ? to & 0xffff : 0xffff,
  };
}

function toValue(key: number, low: number): number {
  return key * 0x1_0000 + low;
}

function mustBeValue(value: number): void {
  if (value >>> 0 !== value) {
    throw new RangeError(`a member of a set is an integer in 0…${VALUE_MAX}, got ${value}`);
  }
}
