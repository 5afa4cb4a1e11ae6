/** The wire form of a segment reference, and what makes one valid. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  encodePageSet,
  gidBytes,
  type PageSize,
  SEGMENT_SIZE_MAX,
  type VolumeId,
} from "@graft/core";
import {
  FrameEntrySchema,
  type SegmentRef as SegmentRefBody,
  type SegmentRefSchema,
} from "@graft/proto-gen/storage";
import type { BodyFields } from "../body-fields.ts";
import type { NestedLimits } from "../body-scan.ts";
import {
  decodeFrameEntry,
  encodeFrameEntry,
  FRAMES_LIMITS,
  frameIndexFault,
} from "./frame-index.ts";
import { SEGMENT_PAGES_SIZE_MAX, SEGMENT_SIZE_MIN } from "./segment-layout.ts";
import type { SegmentRef } from "./segment-ref.ts";

/**
 * Limits of a field that holds segment references. The least: an id (18), a page set (11), a size
 * (2).
 */
export function segmentRefLimits(countMax: number): NestedLimits {
  return { name: "segments", countMax, sizeMin: 31, fields: new Map([[5, FRAMES_LIMITS]]) };
}

/**
 * What is wrong with a reference in a record of `volumeId`, as a sentence; undefined when nothing
 * is. The object itself is not looked at.
 */
export function segmentRefFault(
  ref: SegmentRef,
  context: { readonly volumeId: VolumeId; readonly pageSize: PageSize },
): string | undefined {
  const name = `segment ${ref.segmentId}`;
  if (ref.ownerVolumeId === context.volumeId) return `${name}: it names its own volume as owner`;
  if (ref.pageSet.isEmpty) return `${name}: it names no page`;
  if (ref.size < SEGMENT_SIZE_MIN || ref.size > SEGMENT_SIZE_MAX) {
    return `${name}: expected ${SEGMENT_SIZE_MIN} … ${SEGMENT_SIZE_MAX} bytes, got ${ref.size}`;
  }
  const countMax = SEGMENT_PAGES_SIZE_MAX / context.pageSize;
  if (ref.pageSet.cardinality > countMax) {
    return `${name}: expected at most ${countMax} pages, got ${ref.pageSet.cardinality}`;
  }
  if (VALID_FRAMES.get(ref) === context.pageSize) return undefined;
  const fault = frameIndexFault(ref, context.pageSize);
  if (fault !== undefined) return `${name}: ${fault}`;
  VALID_FRAMES.set(ref, context.pageSize);
  return undefined;
}

/**
 * References whose frames were found valid for a page size. Tail indexes carry the same reference
 * from record to record: its frames are looked at once.
 */
const VALID_FRAMES = new WeakMap<SegmentRef, PageSize>();

/** From the wire. `segmentRefFault` is still to be asked. @throws GraftError `corrupt` */
export function decodeSegmentRef(body: SegmentRefBody, fields: BodyFields): SegmentRef {
  return {
    segmentId: fields.segmentId(body.sid),
    ...(body.ownerVid === undefined ? {} : { ownerVolumeId: fields.volumeId(body.ownerVid) }),
    pageSet: fields.pageSet(body.pageSet, "page set of a segment"),
    size: fields.bytesCount(body.size, SEGMENT_SIZE_MAX, "segment size"),
    frames: body.frames.map((entry) => decodeFrameEntry(entry, fields)),
  };
}

/** To the wire. */
export function encodeSegmentRef(ref: SegmentRef): MessageInitShape<typeof SegmentRefSchema> {
  return {
    sid: gidBytes(ref.segmentId),
    ...(ref.ownerVolumeId === undefined ? {} : { ownerVid: gidBytes(ref.ownerVolumeId) }),
    pageSet: encodePageSet(ref.pageSet),
    size: BigInt(ref.size),
    frames: ref.frames.map(encodeFrameEntry),
  };
}

/**
 * The references with as many frame indexes as `sizeMax` bytes hold, those of the first
 * references first; the others are left to the footers.
 */
export function boundFrameIndexes(
  refs: readonly SegmentRef[],
  sizeMax: number,
): { readonly refs: readonly SegmentRef[]; readonly size: number } {
  let size = 0;
  const bounded = refs.map((ref) => {
    const refSize = frameIndexSize(ref);
    if (size + refSize > sizeMax) return { ...ref, frames: [] };
    size += refSize;
    return ref;
  });
  return { refs: bounded, size };
}

/** What is carried from record to record is measured once. */
const FRAME_INDEX_SIZES = new WeakMap<SegmentRef, number>();

/** Bytes that the frames of a reference take in a record. */
export function frameIndexSize(ref: SegmentRef): number {
  const known = FRAME_INDEX_SIZES.get(ref);
  if (known !== undefined) return known;
  let size = 0;
  for (const entry of ref.frames) {
    const content = toBinary(FrameEntrySchema, create(FrameEntrySchema, encodeFrameEntry(entry)));
    // One byte of tag; a content of 128 bytes or more has a size of two.
    size += 1 + (content.length < 128 ? 1 : 2) + content.length;
  }
  FRAME_INDEX_SIZES.set(ref, size);
  return size;
}
