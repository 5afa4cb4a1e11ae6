/**
 * The footer of a segment: enough to read it without its commit. Valid when
 *
 * 1. its page set is not empty, and holds at most 32 MiB of pages;
 * 2. its frame index is valid, and no entry has a page set of its own: the footer names every page;
 * 3. its frames tile the object from the header to the footer without gap.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Compute,
  encodePageSet,
  gidBytes,
  invariant,
  type PageSet,
  type PageSize,
  type SegmentId,
  type VolumeId,
} from "@graft/core";
import { SegmentFooterBodySchema } from "@graft/proto-gen/storage";
import { BodyFields } from "../body-fields.ts";
import { decodeBody } from "../body-message.ts";
import type { MessageLimits } from "../body-scan.ts";
import { corrupt } from "../corrupt.ts";
import { decodeRecord, encodeRecord } from "../record.ts";
import {
  decodeFrameEntry,
  encodeFrameEntry,
  FRAMES_LIMITS,
  frameIndexFault,
} from "./frame-index.ts";
import { SEGMENT_HEADER, SEGMENT_PAGES_SIZE_MAX, SEGMENT_TRAILER } from "./segment-layout.ts";
import type { FrameEntry, SegmentRef } from "./segment-ref.ts";

/** What a segment says about itself. */
export interface SegmentFooter {
  /** The volume it was written under: its owner. */
  readonly volumeId: VolumeId;
  readonly segmentId: SegmentId;
  readonly pageSize: PageSize;
  /** Every page in it. */
  readonly pageSet: PageSet;
  readonly frames: readonly FrameEntry[];
  /** Of the whole object, bytes. */
  readonly size: number;
}

const FOOTER_LIMITS: MessageLimits = new Map([[5, FRAMES_LIMITS]]);

/** A reference to all pages of the segment, for a commit of the volume that owns it. */
export function segmentRefOf(footer: SegmentFooter): SegmentRef {
  const { segmentId, pageSet, size, frames } = footer;
  return { segmentId, pageSet, size, frames };
}

/** The footer as a record. A footer that is not valid is broken code. */
export function encodeSegmentFooter(
  footer: Omit<SegmentFooter, "size">,
  compute: Compute,
): Uint8Array {
  const end = footer.frames.at(-1);
  const framesEnd = end === undefined ? SEGMENT_HEADER.size : end.offset + end.size;
  const fault = segmentFooterFault(footer, framesEnd);
  invariant(fault === undefined, `a segment is written as it must be read: ${fault}`);
  const body = create(SegmentFooterBodySchema, {
    vid: gidBytes(footer.volumeId),
    sid: gidBytes(footer.segmentId),
    pageSize: footer.pageSize,
    pageSet: encodePageSet(footer.pageSet),
    frames: footer.frames.map(encodeFrameEntry),
  });
  return encodeRecord("segment-footer", toBinary(SegmentFooterBodySchema, body), compute);
}

/**
 * Reads a footer record.
 *
 * @param bytes the record alone
 * @param object.size bytes of the whole segment
 * @throws GraftError `corrupt`
 */
export function decodeSegmentFooter(
  bytes: Uint8Array,
  object: { readonly objectName: string; readonly size: number },
  compute: Compute,
): SegmentFooter {
  const { objectName, size } = object;
  const fields = new BodyFields(objectName);
  const stored = decodeRecord("segment-footer", bytes, objectName, compute);
  const body = decodeBody(SegmentFooterBodySchema, stored, FOOTER_LIMITS, objectName);
  const footer: SegmentFooter = {
    volumeId: fields.volumeId(body.vid),
    segmentId: fields.segmentId(body.sid),
    pageSize: fields.pageSize(body.pageSize),
    pageSet: fields.pageSet(body.pageSet, "page set of the footer"),
    frames: body.frames.map((entry) => decodeFrameEntry(entry, fields)),
    size,
  };
  const fault = segmentFooterFault(footer, size - SEGMENT_TRAILER.size - bytes.length);
  if (fault !== undefined) throw corrupt(objectName, fault);
  return footer;
}

function segmentFooterFault(
  footer: Omit<SegmentFooter, "size">,
  framesEnd: number,
): string | undefined {
  const { pageSet, frames, pageSize } = footer;
  const pagesSize = pageSet.cardinality * pageSize;
  if (frames.length === 0) return "it has no frame";
  if (pagesSize > SEGMENT_PAGES_SIZE_MAX) {
    return `expected at most ${SEGMENT_PAGES_SIZE_MAX} bytes of pages, got ${pagesSize}`;
  }
  let offset: number = SEGMENT_HEADER.size;
  for (const entry of frames) {
    const name = `frame of pages ${entry.firstPage} … ${entry.lastPage}`;
    if (entry.pageSet !== undefined) return `${name}: it has a page set of its own`;
    if (entry.offset !== offset) return `${name}: expected offset ${offset}, got ${entry.offset}`;
    offset += entry.size;
  }
  if (offset !== framesEnd) return `its frames end at ${offset}, its footer begins at ${framesEnd}`;
  const size = framesEnd + SEGMENT_TRAILER.size;
  return frameIndexFault({ pageSet, frames, size }, pageSize);
}
