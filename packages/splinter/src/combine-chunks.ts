/**
 * What two chunks with one key have in common, together, or apart. Two lists of runs are swept
 * once from left to right; as soon as one of the two is a bitmap, words are combined.
 */

import { BITMAP_WORDS, BitmapChunk } from "./bitmap-chunk.ts";
import { wordAt } from "./bits.ts";
import { type Chunk, settle, wordsOf } from "./chunk.ts";
import { RunChunk } from "./run-chunk.ts";

/** Which members to keep: those in a or b, those in a and b, those in a but not in b. */
export type Combination = "union" | "intersection" | "difference";

/** With this many runs or fewer, adding them one by one is cheaper than a sweep or a bitmap. */
const FEW_RUNS = 4;

/** The combination of two chunks with one key as a new chunk, or undefined when it is empty. */
export function combineChunks(a: Chunk, b: Chunk, combination: Combination): Chunk | undefined {
  const result =
    a.kind === "runs" && b.kind === "runs"
      ? combineRuns(a, b, combination)
      : combineWords(a, b, combination);
  return result.cardinality === 0 ? undefined : settle(result);
}

/** Adds `other` to `target`, which may be changed in place, and answers the chunk to keep. */
export function uniteChunks(target: Chunk, other: Chunk): Chunk {
  const isInPlace =
    other.kind === "runs" && (target.kind === "bitmap" || other.runCount <= FEW_RUNS);
  if (!isInPlace) {
    return combineChunks(target, other, "union") ?? target;
  }
  for (let index = 0; index < other.runCount; index++) {
    target.insertRange(other.firstAt(index), other.lastAt(index));
  }
  return settle(target);
}

/** Whether two chunks with one key share a member. Stops at the first. */
export function chunksIntersect(a: Chunk, b: Chunk): boolean {
  if (a.kind === "bitmap" && b.kind === "bitmap") {
    return a.words.some((word, index) => (word & wordAt(b.words, index)) !== 0);
  }
  const [few, many] = a.runCount <= b.runCount ? [a, b] : [b, a];
  let low = few.firstFrom(0);
  while (low !== -1) {
    const met = many.firstFrom(low);
    if (met === -1) {
      return false;
    }
    if (met <= few.endOfRun(low)) {
      return true;
    }
    low = few.firstFrom(met);
  }
  return false;
}

function combineRuns(a: RunChunk, b: RunChunk, combination: Combination): RunChunk {
  const result = new RunChunk(a.key);
  // A boundary is where membership flips: an even one starts a run, an odd one lies just past it.
  let indexA = 0;
  let indexB = 0;
  let first = -1;
  while (indexA < 2 * a.runCount || indexB < 2 * b.runCount) {
    const boundaryA = boundaryAt(a, indexA);
    const boundaryB = boundaryAt(b, indexB);
    const boundary = Math.min(boundaryA, boundaryB);
    indexA += boundaryA === boundary ? 1 : 0;
    indexB += boundaryB === boundary ? 1 : 0;
    const keeps = combineBits(indexA & 1, indexB & 1, combination) === 1;
    if (keeps && first === -1) {
      first = boundary;
    } else if (!keeps && first !== -1) {
      result.insertRange(first, boundary - 1);
      first = -1;
    }
  }
  result.trim();
  return result;
}

function boundaryAt(chunk: RunChunk, index: number): number {
  if (index >= 2 * chunk.runCount) {
    return Number.POSITIVE_INFINITY;
  }
  return (index & 1) === 0 ? chunk.firstAt(index >>> 1) : chunk.lastAt(index >>> 1) + 1;
}

function combineWords(a: Chunk, b: Chunk, combination: Combination): BitmapChunk {
  const wordsA = wordsOf(a);
  const wordsB = wordsOf(b);
  const words = new Uint32Array(BITMAP_WORDS);
  for (let index = 0; index < BITMAP_WORDS; index++) {
    words[index] = combineBits(wordAt(wordsA, index), wordAt(wordsB, index), combination);
  }
  return new BitmapChunk(a.key, words);
}

function combineBits(a: number, b: number, combination: Combination): number {
  switch (combination) {
    case "union":
      return a | b;
    case "intersection":
      return a & b;
    case "difference":
      return a & ~b;
  }
}
