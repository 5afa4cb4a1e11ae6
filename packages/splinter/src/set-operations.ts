/**
 * Sets of sets. Each costs what the compressed forms of the chunks that both sets have cost, never
 * what they hold; chunks that only one of the two has are copied, taken as they are, or skipped.
 */

import { type Chunk, chunkAt, findChunk, settle } from "./chunk.ts";
import { chunksIntersect, combineChunks, uniteChunks } from "./combine-chunks.ts";
import { adoptChunks, chunksOf, Splinter, uniteChunkInto } from "./splinter.ts";

/** The members of `a` or `b`, as a new set. */
export function union(a: Splinter, b: Splinter): Splinter {
  const [large, small] = a.chunkCount >= b.chunkCount ? [a, b] : [b, a];
  const result = large.clone();
  unionInto(result, small);
  return result;
}

/** The members of both `a` and `b`, as a new set. */
export function intersection(a: Splinter, b: Splinter): Splinter {
  const chunks: Chunk[] = [];
  for (const pair of sharedChunks(a, b)) {
    const common = combineChunks(pair.a, pair.b, "intersection");
    if (common !== undefined) {
      chunks.push(common);
    }
  }
  return fromChunks(chunks);
}

/** The members of `a` that are not in `b`, as a new set. */
export function difference(a: Splinter, b: Splinter): Splinter {
  const others = chunksOf(b);
  const chunks: Chunk[] = [];
  for (const chunk of chunksOf(a)) {
    const index = findChunk(others, chunk.key);
    const rest =
      index < 0 ? chunk.clone() : combineChunks(chunk, chunkAt(others, index), "difference");
    if (rest !== undefined) {
      chunks.push(rest);
    }
  }
  return fromChunks(chunks);
}

/**
 * The members of `set` in first…last, both inclusive, as a new set. Costs what the set has there,
 * whatever the distance from first to last: an intersection with the range would build the range.
 */
export function within(set: Splinter, first: number, last: number): Splinter {
  const chunks = chunksOf(set);
  const found: Chunk[] = [];
  const start = findChunk(chunks, first >>> 16);
  for (let index = start < 0 ? ~start : start; index < chunks.length; index++) {
    const chunk = chunkAt(chunks, index);
    if (chunk.key > last >>> 16) break;
    const copy = chunk.clone();
    if (chunk.key === first >>> 16 && (first & 0xffff) > 0)
      copy.removeRange(0, (first & 0xffff) - 1);
    if (chunk.key === last >>> 16 && (last & 0xffff) < 0xffff) {
      copy.removeRange((last & 0xffff) + 1, 0xffff);
    }
    if (copy.cardinality > 0) found.push(settle(copy));
  }
  return fromChunks(found);
}

/**
 * Whether `a` and `b` share a member. The answer is about members, not about neighbourhoods: two
 * sets of the same 256 values that share none do not intersect. Stops at the first shared member.
 */
export function intersects(a: Splinter, b: Splinter): boolean {
  for (const pair of sharedChunks(a, b)) {
    if (chunksIntersect(pair.a, pair.b)) {
      return true;
    }
  }
  return false;
}

/** With this many chunks or fewer, adding them one by one is cheaper than a new list of all. */
const FEW_CHUNKS = 16;

/**
 * Adds the members of `other` to `target`. Costs what `other` costs, and when that is many chunks
 * a pointer per chunk of `target`.
 */
export function unionInto(target: Splinter, other: Splinter): void {
  const others = chunksOf(other);
  if (others.length <= FEW_CHUNKS) {
    for (const chunk of others) {
      uniteChunkInto(target, chunk);
    }
    return;
  }
  const chunks = [...chunksOf(target)];
  const added: Chunk[] = [];
  for (const chunk of others) {
    const index = findChunk(chunks, chunk.key);
    if (index < 0) {
      added.push(chunk.clone());
    } else {
      chunks[index] = uniteChunks(chunkAt(chunks, index), chunk);
    }
  }
  adoptChunks(target, added.length === 0 ? chunks : merge(chunks, added));
}

/** Takes the members that `other` also has out of `target`, and answers them as a new set. */
export function cut(target: Splinter, other: Splinter): Splinter {
  const taken: Chunk[] = [];
  const rests = new Map<number, Chunk | undefined>();
  for (const pair of sharedChunks(target, other)) {
    const common = combineChunks(pair.a, pair.b, "intersection");
    if (common !== undefined) {
      taken.push(common);
      rests.set(pair.a.key, combineChunks(pair.a, pair.b, "difference"));
    }
  }
  if (taken.length > 0) {
    const kept = chunksOf(target).map((chunk) =>
      rests.has(chunk.key) ? rests.get(chunk.key) : chunk,
    );
    adoptChunks(
      target,
      kept.filter((chunk) => chunk !== undefined),
    );
  }
  return fromChunks(taken);
}

/** The chunks that both sets have, ascending. The shorter list is walked, the longer searched. */
function* sharedChunks(a: Splinter, b: Splinter): Generator<{ a: Chunk; b: Chunk }> {
  const isShorter = a.chunkCount <= b.chunkCount;
  const walked = chunksOf(isShorter ? a : b);
  const searched = chunksOf(isShorter ? b : a);
  for (const chunk of walked) {
    const index = findChunk(searched, chunk.key);
    if (index >= 0) {
      const other = chunkAt(searched, index);
      yield isShorter ? { a: chunk, b: other } : { a: other, b: chunk };
    }
  }
}

/** One ascending list of two ascending lists without a common key. */
function merge(a: readonly Chunk[], b: readonly Chunk[]): Chunk[] {
  const merged: Chunk[] = [];
  let indexB = 0;
  for (const chunk of a) {
    for (; indexB < b.length && chunkAt(b, indexB).key < chunk.key; indexB++) {
      merged.push(chunkAt(b, indexB));
    }
    merged.push(chunk);
  }
  return merged.concat(b.slice(indexB));
}

function fromChunks(chunks: Chunk[]): Splinter {
  const set = new Splinter();
  adoptChunks(set, chunks);
  return set;
}
