/**
 * What a commit takes in memory, in bytes: an estimate for a bound, a little too high rather than
 * too low. Objects are counted at what V8 takes for them in round figures.
 */
import type { PageSet } from "@graft/core";
import type { SegmentRef } from "@graft/format";
import type { CatalogCommit } from "./volume-catalog.ts";

/** A record with its ids, hash and arrays. */
const RECORD_SIZE = 1024;
/** An object with an id and a few numbers: a segment reference, a frame, a shrink. */
const OBJECT_SIZE = 256;
/** A page set without members; a chunk of one (65,536 indexes). */
const PAGE_SET_SIZE = 128;
const CHUNK_SIZE = 200;

/** A reference to an object that is counted elsewhere. */
const REFERENCE_SIZE = 8;

/**
 * Without the data of inline frames.
 *
 * @param below the commit below it, where it is held: a record built on it shares most of its tail
 *   index with it, commit by commit, and what is shared is counted once
 */
export function indexSizeOf(commit: CatalogCommit, below?: CatalogCommit): number {
  const { segments, inlineFrames, tailIndex } = commit.record;
  let size = RECORD_SIZE + segmentsSize(segments);
  for (const frame of inlineFrames) size += OBJECT_SIZE + pageSetSize(frame.pageSet);
  const older = below?.record.tailIndex?.commits ?? [];
  let at = 0;
  for (const tail of tailIndex?.commits ?? []) {
    size += REFERENCE_SIZE;
    // Both descend in LSN.
    while ((older[at]?.lsn ?? 0n) > tail.lsn) at++;
    if (older[at] === tail) continue;
    size += OBJECT_SIZE + segmentsSize(tail.segments);
    if (tail.inlinePageSet !== undefined) size += pageSetSize(tail.inlinePageSet);
  }
  return size + (tailIndex?.shrinks.length ?? 0) * OBJECT_SIZE;
}

/** What the data of inline frames keep alive: they are views of the stored bytes. */
export function inlineSizeOf(commit: CatalogCommit): number {
  const hasData = commit.record.inlineFrames.some((frame) => frame.data !== undefined);
  return hasData ? commit.storedSize : 0;
}

function segmentsSize(segments: readonly SegmentRef[]): number {
  let size = 0;
  for (const ref of segments) {
    size += OBJECT_SIZE + pageSetSize(ref.pageSet) + ref.frames.length * OBJECT_SIZE;
  }
  return size;
}

function pageSetSize(set: PageSet): number {
  return PAGE_SET_SIZE + set.containerSize + set.chunkCount * CHUNK_SIZE;
}
