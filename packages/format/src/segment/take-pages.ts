import type { PageSet, VolumeId } from "@graft/core";
import { difference, intersection, within } from "@graft/splinter";
import { type FrameEntry, framePageSet, type SegmentRef } from "./segment-ref.ts";

/** What a reference to a part of a segment comes from: another reference, or a footer. */
export type SegmentPages = Pick<SegmentRef, "segmentId" | "pageSet" | "size" | "frames">;

/**
 * A reference to some of the pages of a segment: with the frames that hold them, each saying
 * which pages it holds when the reference does not. A commit that takes a part of what was
 * written, and a tail index whose commits were overwritten in part, name pages so.
 *
 * @param pages those that the segment does not name are left out; undefined when none is left
 * @param ownerVolumeId the segment's owner, when it is not the volume of the record
 */
export function takePages(
  source: SegmentPages,
  pages: PageSet,
  ownerVolumeId?: VolumeId,
): SegmentRef | undefined {
  const pageSet = intersection(source.pageSet, pages);
  if (pageSet.isEmpty) return undefined;
  const frames: FrameEntry[] = [];
  for (const entry of source.frames) {
    if (pageSet.countRange(entry.firstPage, entry.lastPage) === 0) continue;
    const { pageSet: _, ...place } = entry;
    const whole = framePageSet(source, entry);
    const named = within(pageSet, entry.firstPage, entry.lastPage);
    const isNamed = difference(whole, named).isEmpty;
    frames.push(isNamed ? place : { ...place, pageSet: whole });
  }
  const ref = { segmentId: source.segmentId, pageSet, size: source.size, frames };
  return ownerVolumeId === undefined ? ref : { ...ref, ownerVolumeId };
}
