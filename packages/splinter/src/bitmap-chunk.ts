/**
 * A chunk as a bitmap of 8 KiB: one bit for each of the 65536 values that share their upper 16
 * bits. All members are the low 16 bits of a value.
 */

import {
  clearBits,
  countBits,
  countRunStarts,
  hasBit,
  nextOne,
  nextZero,
  popcount,
  setBits,
  wordAt,
} from "./bits.ts";

/** Words of a chunk's bitmap: 65536 bits. */
export const BITMAP_WORDS = 2048;

/** Members that share their upper 16 bits, as a bitmap. Fits sets with many short runs. */
export class BitmapChunk {
  readonly kind = "bitmap";

  /** The upper 16 bits of every member. */
  readonly key: number;

  /** Number of members. */
  cardinality: number;

  /** Number of runs, kept up to date so that the chunk can leave this form in time. */
  runCount: number;

  /** The bits; for reading by the package's own modules. */
  readonly words: Uint32Array;

  /** Takes `words` over (2048 words): the caller no longer writes to it. */
  constructor(key: number, words: Uint32Array) {
    this.key = key;
    this.words = words;
    this.cardinality = countBits(words, 0, 65535);
    this.runCount = countRunStarts(words, 0, 65535);
  }

  /** Whether `low` is a member. */
  contains(low: number): boolean {
    return hasBit(this.words, low);
  }

  /** The first member at or after `low` (0…65536), or −1. */
  firstFrom(low: number): number {
    return nextOne(this.words, low);
  }

  /** The last member of the run that holds the member `low`. */
  endOfRun(low: number): number {
    const zero = nextZero(this.words, low);
    return zero === -1 ? 65535 : zero - 1;
  }

  /** The greatest member. The chunk must not be empty. */
  lastMember(): number {
    const index = this.words.findLastIndex((word) => word !== 0);
    return index * 32 + 31 - Math.clz32(wordAt(this.words, index));
  }

  /** How many members lie in first…last. */
  countRange(first: number, last: number): number {
    return countBits(this.words, first, last);
  }

  /** Writes the 256 members from `block` × 256 as bits into eight words; answers how many. */
  readBlock(block: number, words: Uint32Array): number {
    let count = 0;
    for (let index = 0; index < 8; index++) {
      const word = wordAt(this.words, block * 8 + index);
      words[index] = word;
      count += popcount(word);
    }
    return count;
  }

  /** Adds first…last. */
  insertRange(first: number, last: number): void {
    this.#change(setBits, first, last);
  }

  /** Takes first…last away. */
  removeRange(first: number, last: number): void {
    this.#change(clearBits, first, last);
  }

  /** An independent copy. */
  clone(): BitmapChunk {
    return new BitmapChunk(this.key, this.words.slice());
  }

  /** Bytes of the bitmap. */
  get containerSize(): number {
    return this.words.byteLength;
  }

  #change(change: typeof setBits, first: number, last: number): void {
    // A run that starts just behind the range may be joined or cut off by it.
    const startLast = Math.min(last + 1, 65535);
    const countBefore = countBits(this.words, first, last);
    const startsBefore = countRunStarts(this.words, first, startLast);
    change(this.words, first, last);
    this.cardinality += countBits(this.words, first, last) - countBefore;
    this.runCount += countRunStarts(this.words, first, startLast) - startsBefore;
  }
}
