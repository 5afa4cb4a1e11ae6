/**
 * What makes a commit record valid. The numbers are those of `docs/formats/commit.md`:
 *
 * 1. low page count < page count, when it is there;
 * 2. a parent hash of 32 bytes, at every LSN but 1;
 * 3. at most 65,536 segments, each valid, none twice, with at most `COMMIT_FRAME_COUNT_MAX`
 *    frames together;
 * 4. inline frames well formed, ascending by page, not overlapping, at most 128 KiB of pages
 *    together;
 * 5. no page twice among all of them, none above the page count;
 * 6. a checkpoint below this LSN, with a hash of 32 bytes;
 * 7. a valid tail index: see `tail-index.ts`;
 * 8. metadata of at most 4 KiB.
 */
import {
  COMMIT_FRAME_INDEX_SIZE_MAX,
  COMMIT_METADATA_SIZE_MAX,
  COMMIT_SEGMENT_COUNT_MAX,
  INLINE_PAGES_SIZE_MAX,
  LSN_FIRST,
} from "@graft/core";
import { TIMESTAMP_MS_MAX } from "./body-fields.ts";
import type { CommitMetadata, CommitRecord } from "./commit-record.ts";
import { PageTally } from "./page-tally.ts";
import { frameFault } from "./segment/frame.ts";
import { FRAME_ENTRY_SIZE_MIN } from "./segment/frame-index.ts";
import { FRAME_HASH_SIZE, type SegmentRef } from "./segment/segment-ref.ts";
import { segmentRefFault } from "./segment/segment-ref-body.ts";
import { tailIndexFault } from "./tail-index.ts";

/** Frames in the indexes of a record's segments at most; as many again in its tail index. */
export const COMMIT_FRAME_COUNT_MAX: number = Math.floor(
  COMMIT_FRAME_INDEX_SIZE_MAX / FRAME_ENTRY_SIZE_MIN,
);

/** What is wrong with a record, as a sentence; undefined when it is valid. */
export function commitRecordFault(record: CommitRecord): string | undefined {
  const tally = new PageTally();
  return (
    headFault(record) ??
    segmentsFault(record, tally) ??
    inlineFramesFault(record, tally) ??
    indexFault(record, tally) ??
    metadataFault(record.metadata)
  );
}

function headFault(record: CommitRecord): string | undefined {
  const { lsn, pageCount, lowPageCount, parentHash, checkpoint, timestampMs } = record;
  if (!Number.isInteger(timestampMs) || timestampMs < 0 || timestampMs > TIMESTAMP_MS_MAX) {
    return `timestamp: expected 0 … ${TIMESTAMP_MS_MAX} ms, got ${timestampMs}`;
  }
  if (lowPageCount !== undefined && lowPageCount >= pageCount) {
    return `low page count: expected less than the page count ${pageCount}, got ${lowPageCount}`;
  }
  if ((parentHash === undefined) !== (lsn === LSN_FIRST)) {
    return lsn === LSN_FIRST ? "LSN 1 has a parent hash" : "it has no parent hash";
  }
  for (const [name, hash] of [
    ["parent hash", parentHash],
    ["checkpoint hash", checkpoint?.hash],
  ] as const) {
    if (hash !== undefined && hash.length !== 32) {
      return `${name}: expected 32 bytes, got ${hash.length}`;
    }
  }
  if (checkpoint !== undefined && checkpoint.lsn >= lsn) {
    return `checkpoint: expected an LSN below ${lsn}, got ${checkpoint.lsn}`;
  }
  return undefined;
}

function segmentsFault(record: CommitRecord, tally: PageTally): string | undefined {
  if (record.segments.length > COMMIT_SEGMENT_COUNT_MAX) {
    return `expected at most ${COMMIT_SEGMENT_COUNT_MAX} segments, got ${record.segments.length}`;
  }
  const seen = new Set<string>();
  for (const ref of record.segments) {
    if (seen.has(ref.segmentId)) return `segment ${ref.segmentId} is named twice`;
    seen.add(ref.segmentId);
    const fault = segmentRefFault(ref, record) ?? tally.add(ref.pageSet, record.pageCount);
    if (fault !== undefined) return fault;
  }
  return frameCountFault(record.segments, "its segments");
}

function inlineFramesFault(record: CommitRecord, tally: PageTally): string | undefined {
  let pagesSize = 0;
  let previous = 0;
  for (const frame of record.inlineFrames) {
    const fault = frameFault({ ...frame, size: frame.data.length }, record.pageSize);
    if (fault !== undefined) return `inline ${fault}`;
    if (frame.hash.length !== FRAME_HASH_SIZE) {
      return `inline frame hash: expected ${FRAME_HASH_SIZE} bytes, got ${frame.hash.length}`;
    }
    const first = frame.pageSet.first ?? 0;
    if (first <= previous) return `inline frame of page ${first} does not ascend from ${previous}`;
    previous = frame.pageSet.last ?? 0;
    pagesSize += frame.pageSet.cardinality * record.pageSize;
    const double = tally.add(frame.pageSet, record.pageCount);
    if (double !== undefined) return double;
  }
  if (pagesSize <= INLINE_PAGES_SIZE_MAX) return undefined;
  return `expected at most ${INLINE_PAGES_SIZE_MAX} bytes of inline pages, got ${pagesSize}`;
}

function indexFault(record: CommitRecord, tally: PageTally): string | undefined {
  const { tailIndex, volumeId, pageSize, lsn } = record;
  if (tailIndex === undefined) return undefined;
  const lowPageCount = record.lowPageCount ?? record.pageCount;
  const checkpointLsn = record.checkpoint?.lsn;
  const context = { volumeId, pageSize, lsn, checkpointLsn, lowPageCount };
  const refs = tailIndex.commits.flatMap((commit) => commit.segments);
  return frameCountFault(refs, "its tail index") ?? tailIndexFault(tailIndex, context, tally);
}

function frameCountFault(refs: readonly SegmentRef[], name: string): string | undefined {
  const count = refs.reduce((sum, ref) => sum + ref.frames.length, 0);
  if (count <= COMMIT_FRAME_COUNT_MAX) return undefined;
  return `${name}: expected at most ${COMMIT_FRAME_COUNT_MAX} frames, got ${count}`;
}

function metadataFault(metadata: CommitMetadata | undefined): string | undefined {
  const encoder = new TextEncoder();
  const texts = [metadata?.message ?? "", metadata?.appTransactionId ?? ""];
  const size = texts.reduce((sum, text) => sum + encoder.encode(text).length, 0);
  if (size <= COMMIT_METADATA_SIZE_MAX) return undefined;
  return `metadata: expected at most ${COMMIT_METADATA_SIZE_MAX} bytes, got ${size}`;
}
