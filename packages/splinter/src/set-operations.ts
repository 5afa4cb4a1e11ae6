/**
 * Sets of sets. Each costs what the compressed forms of the chunks that both sets have cost, never
 * what they hold; chunks that only one of the two has are copied, taken as they are, or skipped.
 */

import { type Chunk, chunkAt, findChunk } from "./chunk.ts";
import { chunksIntersect, combineChunks, uniteChunks } from "./combine-chunks.ts";
import { adoptChunks, chunksOf, Splinter } from "./splinter.ts";

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

/** Adds the members of `other` to `target`. Costs what `other` costs, plus a pointer per chunk. */
export function unionInto(target: Splinter, other: Splinter): void {
  const chunks = [...chunksOf(target)];
  const added: Chunk[] = [];
  for (const chunk of chunksOf(other)) {
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
