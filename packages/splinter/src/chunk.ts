/**
 * A chunk: the members of a set that share their upper 16 bits, in one of two forms.
 *
 *            more than 2048 runs
 *   runs  ──────────────────────────▶  bitmap
 *   4 bytes a run                      8 KiB
 *         ◀──────────────────────────
 *            1024 runs or fewer
 *
 * 2048 runs take what a bitmap takes. The gap between the two limits keeps a chunk that grows and
 * shrinks around one of them from changing its form each time.
 */

import { BITMAP_WORDS, BitmapChunk } from "./bitmap-chunk.ts";
import { setBits, wordAt } from "./bits.ts";
import { RunChunk } from "./run-chunk.ts";

/** Members of a set that share their upper 16 bits. Members are named by their low 16 bits. */
export type Chunk = RunChunk | BitmapChunk;

/** A list of runs that is longer becomes a bitmap. 2048 × 4 bytes = 8 KiB, the bitmap's size. */
export const RUN_COUNT_MAX = 2048;

/** A bitmap with this many runs or fewer becomes a list of runs. */
export const BITMAP_RUN_COUNT_MIN = 1024;

/** A chunk with the members first…last. */
export function createChunk(key: number, first: number, last: number): Chunk {
  const chunk = new RunChunk(key);
  chunk.insertRange(first, last);
  return chunk;
}

/** The chunk in the form that fits its number of runs; to be called after each change. */
export function settle(chunk: Chunk): Chunk {
  switch (chunk.kind) {
    case "runs":
      return chunk.runCount > RUN_COUNT_MAX ? new BitmapChunk(chunk.key, wordsOf(chunk)) : chunk;
    case "bitmap":
      return chunk.runCount <= BITMAP_RUN_COUNT_MIN ? toRuns(chunk) : chunk;
  }
}

/** The members as 65536 bits. A view for a bitmap (do not write), a new array for runs. */
export function wordsOf(chunk: Chunk): Uint32Array {
  if (chunk.kind === "bitmap") {
    return chunk.words;
  }
  const words = new Uint32Array(BITMAP_WORDS);
  for (let index = 0; index < chunk.runCount; index++) {
    setBits(words, chunk.firstAt(index), chunk.lastAt(index));
  }
  return words;
}

/** The chunk of these 65536 bits, of which one is set at least, in the form that fits it. */
export function chunkOfWords(key: number, words: Uint32Array): Chunk {
  const bitmap = new BitmapChunk(key, words);
  return bitmap.runCount <= RUN_COUNT_MAX ? toRuns(bitmap) : bitmap;
}

/** Whether two chunks have the same key and members, whatever their forms. */
export function equalChunks(a: Chunk, b: Chunk): boolean {
  if (a.key !== b.key || a.cardinality !== b.cardinality || a.runCount !== b.runCount) {
    return false;
  }
  if (a.kind === "bitmap" && b.kind === "bitmap") {
    return a.words.every((word, index) => word === wordAt(b.words, index));
  }
  for (let low = a.firstFrom(0); low !== -1; low = a.firstFrom(a.endOfRun(low) + 1)) {
    if (b.firstFrom(low) !== low || a.endOfRun(low) !== b.endOfRun(low)) {
      return false;
    }
  }
  return true;
}

/**
 * Index of the chunk with `key` in a list that ascends by key, or the complement (`~index`) of
 * where it belongs. Allocates nothing.
 */
export function findChunk(chunks: readonly Chunk[], key: number): number {
  // Keys are distinct and start at 0 or above, so no chunk lies further back than its key says. A
  // set that is dense from 0 on, as a database's is, is found by the first look.
  let high = Math.min(key, chunks.length - 1);
  let low = 0;
  let middle = high;
  while (low <= high) {
    const found = keyAt(chunks, middle);
    if (found === key) {
      return middle;
    }
    if (found < key) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
    middle = (low + high) >>> 1;
  }
  return ~low;
}

/** The chunk at `index`. An index outside the list is broken code, and throws. */
export function chunkAt(chunks: readonly Chunk[], index: number): Chunk {
  const chunk = chunks[index];
  if (chunk === undefined) {
    throw new RangeError(`chunk ${index} is outside the ${chunks.length} chunks`);
  }
  return chunk;
}

function keyAt(chunks: readonly Chunk[], index: number): number {
  return chunkAt(chunks, index).key;
}

function toRuns(bitmap: BitmapChunk): RunChunk {
  const chunk = new RunChunk(bitmap.key);
  for (let low = bitmap.firstFrom(0); low !== -1; ) {
    const last = bitmap.endOfRun(low);
    chunk.insertRange(low, last);
    low = bitmap.firstFrom(last + 1);
  }
  chunk.trim();
  return chunk;
}
