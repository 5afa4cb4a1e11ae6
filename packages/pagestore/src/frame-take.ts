import { encodeHex, type PageSet, union, unreachable, type VolumeId, within } from "@graft/core";
import { type FrameEntry, framesFor, type SegmentRef, segmentKey } from "@graft/format";
import type { EntryTake, InlineTake, PageTake, SegmentTake } from "./read-plan.ts";

/** Pages to take from one frame. */
export interface FrameTake {
  /** Names the frame by its content: equal keys, equal pages. See `frameKey`. */
  readonly key: string;
  readonly source: FrameSource;
  readonly pages: PageSet;
}

/** Where a frame is. */
export type FrameSource = SegmentFrame | InlineFrameSource;

/** In a range of a segment. */
export interface SegmentFrame {
  readonly kind: "segment";
  /** Whose pages they are: what the frame's hash covers. */
  readonly volumeId: VolumeId;
  readonly objectKey: string;
  readonly ref: Pick<SegmentRef, "pageSet">;
  readonly entry: FrameEntry;
}

/** Inside a commit record. */
export type InlineFrameSource = Omit<InlineTake, "pages">;

/**
 * A frame's name in caches: its hash covers its volume, its page indexes and its pages, so that a
 * commit that lies about a frame cannot be answered from another's.
 */
export function frameKey(volumeId: VolumeId, hash: Uint8Array): string {
  return `${volumeId}/${encodeHex(hash)}`;
}

/**
 * The frames that hold a take's pages.
 *
 * @param ref the take's own reference, or one with the frame index of the segment's footer
 */
export function framesOfSegment(take: SegmentTake, ref: SegmentRef): readonly FrameTake[] {
  const volumeId = take.ownerVolumeId;
  const objectKey = segmentKey(volumeId, ref.segmentId);
  return framesFor(ref, take.pages).map((entry) => ({
    key: frameKey(volumeId, entry.hash),
    source: { kind: "segment", volumeId, objectKey, ref, entry },
    pages: within(take.pages, entry.firstPage, entry.lastPage),
  }));
}

/** The frame that a checkpoint names. */
export function frameOfEntry({ ownerVolumeId: volumeId, entry, pages }: EntryTake): FrameTake {
  const objectKey = segmentKey(volumeId, entry.segmentId);
  return {
    key: frameKey(volumeId, entry.frame.hash),
    source: { kind: "segment", volumeId, objectKey, ref: entry, entry: entry.frame },
    pages,
  };
}

export function frameOfInline(take: InlineTake): FrameTake {
  const { pages, ...source } = take;
  return { key: frameKey(take.volumeId, take.frame.hash), source, pages };
}

/** Whether it says which frames hold its pages: else the segment's footer does. */
export function namesFrames(take: PageTake): boolean {
  return take.kind !== "segment" || take.ref.frames.length > 0;
}

/** The frames of a take that names them. */
export function framesOf(take: PageTake): readonly FrameTake[] {
  switch (take.kind) {
    case "segment":
      return framesOfSegment(take, take.ref);
    case "inline":
      return [frameOfInline(take)];
    case "entry":
      return [frameOfEntry(take)];
    default:
      return unreachable(take);
  }
}

/** Each frame once, with all pages that are taken from it. */
export function mergeFrameTakes(takes: readonly FrameTake[]): readonly FrameTake[] {
  const merged = new Map<string, FrameTake>();
  for (const take of takes) {
    const same = merged.get(take.key);
    const pages = same === undefined ? take.pages : union(same.pages, take.pages);
    merged.set(take.key, { ...take, pages });
  }
  return [...merged.values()];
}
