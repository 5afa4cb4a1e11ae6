import type { CatalogCommit } from "@graft/catalog";
import { encodePageSet, MutablePageSet, type PageSet, unionInto } from "@graft/core";
import { lowPageCountOf, snapshotOf } from "@graft/format";
import { present, type SegmentInfo, type WireCommit } from "@graft/rpc";

/** Bytes of a commit in an answer beside its segments, sets, metadata and record. */
const FIXED_SIZE = 160;
/** Bytes of a segment beside its page set: two ids, a size, tags. */
const SEGMENT_FIXED_SIZE = 56;

/** A commit without its stored record. */
export function shortForm({ record }: CatalogCommit): WireCommit {
  const inlinePageSet = inlinePagesOf(record.inlineFrames);
  return present({
    snapshot: snapshotOf(record),
    segments: record.segments.map((ref): SegmentInfo => {
      const { segmentId, pageSet, size: sizeBytes, ownerVolumeId } = ref;
      return present({ segmentId, pageSet, sizeBytes, ownerVolumeId });
    }),
    lowPageCount: lowPageCountOf(record),
    inlinePageSet: inlinePageSet.isEmpty ? undefined : inlinePageSet,
    metadata: record.metadata,
    checkpointLsn: record.checkpoint?.lsn,
  });
}

/** A commit with its stored bytes. */
export function fullForm(commit: CatalogCommit, bytes: Uint8Array): WireCommit {
  return { ...shortForm(commit), record: bytes };
}

/** About the bytes of a commit in an answer, never less. */
export function wireSizeOf(commit: WireCommit): number {
  const { message = "", appTransactionId = "" } = commit.metadata ?? {};
  // A UTF-16 unit takes at most three bytes of UTF-8.
  let size = FIXED_SIZE + 3 * (message.length + appTransactionId.length);
  size += commit.record?.length ?? 0;
  if (commit.inlinePageSet !== undefined) size += encodePageSet(commit.inlinePageSet).length;
  for (const { pageSet } of commit.segments) {
    size += SEGMENT_FIXED_SIZE + encodePageSet(pageSet).length;
  }
  return size;
}

function inlinePagesOf(frames: readonly { readonly pageSet: PageSet }[]): PageSet {
  const pageSet = new MutablePageSet();
  for (const frame of frames) unionInto(pageSet, frame.pageSet);
  return pageSet;
}
