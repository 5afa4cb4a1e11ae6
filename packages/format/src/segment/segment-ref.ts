/** How a commit, a tail index and a segment's own footer name pages in a segment. */
import type { PageIndex, PageSet, SegmentId, VolumeId } from "@graft/core";
import { within } from "@graft/splinter";

/** How a frame's pages are stored: as they are, or as one zstd frame. */
export type FrameCodec = "raw" | "zstd";

/** Bytes of a frame hash: the first 16 of a SHA-256. */
export const FRAME_HASH_SIZE = 16;

/** Where a frame is in its segment, and what its content must hash to. */
export interface FrameEntry {
  readonly firstPage: PageIndex;
  readonly lastPage: PageIndex;
  /** From the start of the object, bytes. */
  readonly offset: number;
  /** As stored, bytes. */
  readonly size: number;
  readonly codec: FrameCodec;
  /** 16 bytes: see `frameHash`. */
  readonly hash: Uint8Array;
  /**
   * All pages of the frame, when the reference does not name all of them. Absent: those that the
   * reference names from `firstPage` to `lastPage`. Ask `framePageSet`.
   */
  readonly pageSet?: PageSet;
}

/** Pages taken from a segment. */
export interface SegmentRef {
  readonly segmentId: SegmentId;
  /** The volume whose prefix holds the object. Absent: the volume of the record. */
  readonly ownerVolumeId?: VolumeId;
  /** The pages taken; the segment may hold more. Not empty. */
  readonly pageSet: PageSet;
  /** Of the whole object, bytes. */
  readonly size: number;
  /** The frames that hold the pages, ascending. Empty: read the segment's footer. */
  readonly frames: readonly FrameEntry[];
}

/** All pages of a frame: what its hash covers, and how many pages it decodes to. */
export function framePageSet(ref: Pick<SegmentRef, "pageSet">, entry: FrameEntry): PageSet {
  return entry.pageSet ?? within(ref.pageSet, entry.firstPage, entry.lastPage);
}

/** The volume whose prefix holds the segment, and whose id its frame hashes cover. */
export function segmentOwner(ref: SegmentRef, volumeId: VolumeId): VolumeId {
  return ref.ownerVolumeId ?? volumeId;
}
