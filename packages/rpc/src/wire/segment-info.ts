import { create } from "@bufbuild/protobuf";
import {
  GraftError,
  gidBytes,
  type PageSet,
  SEGMENT_SIZE_MAX,
  type SegmentId,
  toSegmentId,
  type VolumeId,
} from "@graft/core";
import { type SegmentInfo as SegmentInfoMessage, SegmentInfoSchema } from "@graft/proto-gen/common";
import { fromOptionalVolumeId, toOptionalVolumeId } from "./ids.ts";
import { fromPageSet, toPageSet } from "./page-set.ts";
import { present } from "./present.ts";

/** A segment as `WritePages` answers and `Commit` takes it. */
export interface SegmentInfo {
  readonly segmentId: SegmentId;
  /** Pages in the segment. */
  readonly pageSet: PageSet;
  /** Bytes of the whole object. Absent (v0.1): the server finds out. */
  readonly sizeBytes?: number;
  /** Whose prefix holds the object. Absent: the volume of the request. */
  readonly ownerVolumeId?: VolumeId;
}

/** @throws GraftError `invalid-argument` */
export function toSegmentInfo(message: SegmentInfoMessage): SegmentInfo {
  return present({
    segmentId: toSegmentId(message.sid),
    pageSet: toPageSet(message.graft),
    sizeBytes: toSegmentSize(message.size),
    ownerVolumeId: toOptionalVolumeId(message.ownerVid),
  });
}

export function fromSegmentInfo(segment: SegmentInfo): SegmentInfoMessage {
  return create(SegmentInfoSchema, {
    sid: gidBytes(segment.segmentId),
    graft: fromPageSet(segment.pageSet),
    size: segment.sizeBytes === undefined ? undefined : BigInt(segment.sizeBytes),
    ownerVid: fromOptionalVolumeId(segment.ownerVolumeId),
  });
}

function toSegmentSize(size: bigint | undefined): number | undefined {
  if (size === undefined) return undefined;
  if (size > BigInt(SEGMENT_SIZE_MAX)) {
    throw new GraftError(
      "invalid-argument",
      `segment size ${size} is over the limit of ${SEGMENT_SIZE_MAX} bytes`,
    );
  }
  return Number(size);
}
