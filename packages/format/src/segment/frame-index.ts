/**
 * The frame index: which frame of a segment holds which pages. Valid when
 *
 * 1. page ranges ascend and do not overlap, and so do byte ranges;
 * 2. every byte range lies between the segment's header and its trailer;
 * 3. every page that the reference names is in exactly one frame, and every frame holds one;
 * 4. a frame's pages begin with its first and end with its last page; a page set of its own holds
 *    more than the reference names there;
 * 5. every frame is well formed: see `frameFault`.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodePageSet, type PageSize, SEGMENT_SIZE_MAX } from "@graft/core";
import type { FrameEntry as FrameEntryBody, FrameEntrySchema } from "@graft/proto-gen/storage";
import { difference } from "@graft/splinter";
import type { BodyFields } from "../body-fields.ts";
import type { NestedLimits } from "../body-scan.ts";
import { corrupt } from "../corrupt.ts";
import { frameFault } from "./frame.ts";
import { SEGMENT_HEADER, SEGMENT_PAGES_SIZE_MAX, SEGMENT_TRAILER } from "./segment-layout.ts";
import {
  FRAME_HASH_SIZE,
  type FrameCodec,
  type FrameEntry,
  framePageSet,
  type SegmentRef,
} from "./segment-ref.ts";

/**
 * Bytes of the least entry: five fields of a tag and one byte, four of them numbers, and the
 * hash.
 */
export const FRAME_ENTRY_SIZE_MIN: number = 4 * 2 + 2 + FRAME_HASH_SIZE;

/** Frames of one segment at most: each holds a page, and a page has at least 512 bytes. */
export const SEGMENT_FRAME_COUNT_MAX: number = SEGMENT_PAGES_SIZE_MAX / 512;

/** Limits of a field that holds frame entries. */
export const FRAMES_LIMITS: NestedLimits = {
  name: "frames",
  countMax: SEGMENT_FRAME_COUNT_MAX,
  sizeMin: FRAME_ENTRY_SIZE_MIN,
};

/** What is wrong with the frames of a reference, as a sentence; undefined when nothing is. */
export function frameIndexFault(
  ref: Pick<SegmentRef, "pageSet" | "frames" | "size">,
  pageSize: PageSize,
): string | undefined {
  let page = 0;
  let offset: number = SEGMENT_HEADER.size;
  let named = 0;
  for (const entry of ref.frames) {
    const name = `frame of pages ${entry.firstPage} … ${entry.lastPage}`;
    if (entry.firstPage <= page) return `${name}: it does not ascend from page ${page}`;
    if (entry.offset < offset) return `${name}: its offset ${entry.offset} is below ${offset}`;
    page = entry.lastPage;
    offset = entry.offset + entry.size;
    const fault = entryFault(ref, entry, pageSize);
    if (fault !== undefined) return fault;
    named += ref.pageSet.countRange(entry.firstPage, entry.lastPage);
  }
  if (offset > ref.size - SEGMENT_TRAILER.size) {
    return `its frames end at ${offset}, beyond what a segment of ${ref.size} bytes can hold`;
  }
  if (ref.frames.length > 0 && named !== ref.pageSet.cardinality) {
    return `its frames hold ${named} of ${ref.pageSet.cardinality} pages`;
  }
  return undefined;
}

function entryFault(
  ref: Pick<SegmentRef, "pageSet">,
  entry: FrameEntry,
  pageSize: PageSize,
): string | undefined {
  const { firstPage, lastPage } = entry;
  const name = `frame of pages ${firstPage} … ${lastPage}`;
  const count = ref.pageSet.countRange(firstPage, lastPage);
  if (lastPage < firstPage || count === 0) return `${name}: it holds none of the named pages`;
  const pageSet = framePageSet(ref, entry);
  if (pageSet.first !== firstPage || pageSet.last !== lastPage) {
    return `${name}: its pages are ${pageSet.first} … ${pageSet.last}`;
  }
  if (entry.pageSet !== undefined) {
    const unnamed = difference(entry.pageSet, ref.pageSet).cardinality;
    if (entry.pageSet.cardinality !== count + unnamed) return `${name}: a named page is missing`;
    if (unnamed === 0) return `${name}: its own page set says what the reference says`;
  }
  return frameFault({ pageSet, codec: entry.codec, size: entry.size }, pageSize);
}

/** From the wire. `frameIndexFault` is still to be asked. @throws GraftError `corrupt` */
export function decodeFrameEntry(body: FrameEntryBody, fields: BodyFields): FrameEntry {
  const entry: FrameEntry = {
    firstPage: fields.pageIndex(body.firstPage),
    lastPage: fields.pageIndex(body.lastPage),
    offset: fields.bytesCount(body.offset, SEGMENT_SIZE_MAX, "frame offset"),
    size: fields.bytesCount(BigInt(body.size), SEGMENT_SIZE_MAX, "frame size"),
    codec: decodeFrameCodec(body.codec, fields),
    hash: fields.hash(body.hash, FRAME_HASH_SIZE, "frame hash"),
  };
  if (body.pageSet === undefined) return entry;
  return { ...entry, pageSet: fields.pageSet(body.pageSet, "frame page set") };
}

/** To the wire. */
export function encodeFrameEntry(entry: FrameEntry): MessageInitShape<typeof FrameEntrySchema> {
  return {
    firstPage: entry.firstPage,
    lastPage: entry.lastPage,
    offset: BigInt(entry.offset),
    size: entry.size,
    codec: encodeFrameCodec(entry.codec),
    hash: entry.hash,
    ...(entry.pageSet === undefined ? {} : { pageSet: encodePageSet(entry.pageSet) }),
  };
}

/** 0 is raw, 1 is zstd. @throws GraftError `corrupt` */
export function decodeFrameCodec(codec: number, fields: BodyFields): FrameCodec {
  if (codec === 0) return "raw";
  if (codec === 1) return "zstd";
  throw corrupt(fields.objectName, `expected codec 0 (raw) or 1 (zstd), got ${codec}`);
}

export function encodeFrameCodec(codec: FrameCodec): number {
  return codec === "raw" ? 0 : 1;
}
