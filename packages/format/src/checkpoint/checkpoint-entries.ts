/** Entries of a checkpoint, made from what commits say and cut to some of their pages. */
import type { Lsn, PageSet } from "@graft/core";
import { difference, encodedSize, Splinter, unionInto, within } from "@graft/splinter";
import { type FrameEntry, framePageSet, type SegmentRef } from "../segment/segment-ref.ts";
import type { CheckpointEntry } from "./checkpoint-block.ts";

/** Bytes of an entry beside its page sets: an LSN, two ids, a frame, tags and sizes. */
const ENTRY_FIXED_SIZE = 100;
const PAGE_LAST = 0xffff_ffff;

/**
 * The entries of the pages that a commit takes from a segment: one for each frame.
 *
 * @param ref with its frame index: from the segment's footer when the commit leaves it out
 */
export function entriesOfSegment(lsn: Lsn, ref: SegmentRef): readonly CheckpointEntry[] {
  const { segmentId, ownerVolumeId } = ref;
  return ref.frames.map((frame) => {
    const whole = framePageSet(ref, frame);
    const pageSet = within(ref.pageSet, frame.firstPage, frame.lastPage);
    return {
      lsn,
      pageSet,
      segmentId,
      ...(ownerVolumeId === undefined ? {} : { ownerVolumeId }),
      frame: frameNaming(pageSet, whole, frame),
    };
  });
}

/** The entry for its pages of a range, both ends included; undefined when it has none there. */
export function entryWithin(
  entry: CheckpointEntry,
  firstPage: number,
  lastPage: number,
): CheckpointEntry | undefined {
  const { first = 0, last = 0 } = entry.pageSet;
  if (firstPage <= first && last <= lastPage) return entry;
  const pageSet = entry.pageSet.clone();
  if (firstPage > 0) pageSet.removeRange(0, firstPage - 1);
  if (lastPage < PAGE_LAST) pageSet.removeRange(lastPage + 1, PAGE_LAST);
  return partOf(entry, pageSet);
}

/** The entry without some pages; undefined when none is left. */
export function entryWithout(entry: CheckpointEntry, pages: PageSet): CheckpointEntry | undefined {
  return partOf(entry, difference(entry.pageSet, pages));
}

/** All pages of some entries, as a new set. */
export function entriesPageSet(entries: Iterable<CheckpointEntry>): PageSet {
  const pages = new Splinter();
  for (const { pageSet } of entries) unionInto(pages, pageSet);
  return pages;
}

/** Bytes that an entry takes in a block, or a part of it does: at most. */
export function entrySizeMax(entry: CheckpointEntry): number {
  const whole = framePageSet(entry, entry.frame);
  return ENTRY_FIXED_SIZE + encodedSize(entry.pageSet) + encodedSize(whole);
}

function partOf(entry: CheckpointEntry, pageSet: PageSet): CheckpointEntry | undefined {
  if (pageSet.isEmpty) return undefined;
  if (pageSet.cardinality === entry.pageSet.cardinality) return entry;
  const whole = framePageSet(entry, entry.frame);
  return { ...entry, pageSet, frame: frameNaming(pageSet, whole, entry.frame) };
}

/** A frame names its own pages only where the entry does not name them all. */
function frameNaming(named: PageSet, whole: PageSet, frame: FrameEntry): FrameEntry {
  const { pageSet: _, ...place } = frame;
  return whole.cardinality === named.cardinality ? place : { ...place, pageSet: whole };
}
