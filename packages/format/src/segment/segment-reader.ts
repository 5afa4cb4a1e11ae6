/**
 * Reading a segment by byte ranges. With its size known, its footer takes at most two requests:
 * the range of `segmentTailRange`, and what `readSegmentTail` still asks for. A frame takes one,
 * of `frameRange`.
 */
import {
  type ByteRange,
  type Compute,
  type Page,
  type PageSet,
  SEGMENT_SIZE_MAX,
} from "@graft/core";
import { corrupt } from "../corrupt.ts";
import { MAGIC } from "../record.ts";
import { decodeFrame, type Frame, type FrameContext } from "./frame.ts";
import { decodeSegmentFooter, type SegmentFooter, segmentRefOf } from "./segment-footer.ts";
import {
  SEGMENT_FOOTER_SIZE_MAX,
  SEGMENT_HEADER,
  SEGMENT_KIND,
  SEGMENT_SIZE_MIN,
  SEGMENT_TAIL_SIZE,
  SEGMENT_TRAILER,
  SEGMENT_VERSION,
  TRAILER_MAGIC,
} from "./segment-layout.ts";
import { type FrameEntry, framePageSet, type SegmentRef } from "./segment-ref.ts";

/** A segment as an object in a store. */
export interface SegmentObject {
  /** For errors: its key. */
  readonly objectName: string;
  /** Of the whole object, bytes. */
  readonly size: number;
}

/** What the end of a segment told. */
export type SegmentTail =
  | { readonly kind: "footer"; readonly footer: SegmentFooter }
  /** The footer begins before the bytes at hand: read this range, up to the end, and ask again. */
  | { readonly kind: "more"; readonly range: ByteRange };

/** What to read first: the last 16 KiB, or all of a smaller segment. */
export function segmentTailRange(size: number): ByteRange {
  const tailSize = Math.min(size, SEGMENT_TAIL_SIZE);
  return { offset: size - tailSize, size: tailSize };
}

/**
 * Finds the footer in the last bytes of a segment.
 *
 * @param tail the end of the object, of any length
 * @throws GraftError `corrupt`
 */
export function readSegmentTail(
  tail: Uint8Array,
  object: SegmentObject,
  compute: Compute,
): SegmentTail {
  const { objectName, size } = object;
  if (size < SEGMENT_SIZE_MIN || size > SEGMENT_SIZE_MAX || tail.length > size) {
    const expected = `expected a segment of ${SEGMENT_SIZE_MIN} … ${SEGMENT_SIZE_MAX} bytes`;
    throw corrupt(objectName, `${expected}, got ${size}`);
  }
  if (tail.length < SEGMENT_TRAILER.size) return { kind: "more", range: segmentTailRange(size) };
  const footerSize = footerSizeOf(tail, object);
  const neededSize = footerSize + SEGMENT_TRAILER.size;
  if (tail.length < neededSize) {
    return { kind: "more", range: { offset: size - neededSize, size: neededSize } };
  }
  const start = tail.length - neededSize;
  const record = tail.subarray(start, start + footerSize);
  return { kind: "footer", footer: decodeSegmentFooter(record, object, compute) };
}

function footerSizeOf(tail: Uint8Array, object: SegmentObject): number {
  const trailer = tail.subarray(tail.length - SEGMENT_TRAILER.size);
  if (!TRAILER_MAGIC.every((byte, at) => trailer[SEGMENT_TRAILER.magic + at] === byte)) {
    throw corrupt(object.objectName, "it does not end with the magic TFRG");
  }
  const view = new DataView(trailer.buffer, trailer.byteOffset);
  const footerSize = view.getUint32(SEGMENT_TRAILER.footerSize);
  const roomSize = object.size - SEGMENT_HEADER.size - SEGMENT_TRAILER.size;
  const sizeMax = Math.min(roomSize, SEGMENT_FOOTER_SIZE_MAX);
  if (footerSize > sizeMax) {
    const expected = `expected a footer of at most ${sizeMax} bytes`;
    throw corrupt(object.objectName, `${expected}, got ${footerSize}`);
  }
  return footerSize;
}

/** The frames that hold pages of the set, ascending. */
export function framesFor(
  ref: Pick<SegmentRef, "frames" | "pageSet">,
  pages: PageSet,
): readonly FrameEntry[] {
  return ref.frames.filter((entry) => {
    // What the reference does not name is not taken from it, though the frame holds it.
    for (const { first, last } of pages.ranges(entry.firstPage)) {
      if (first > entry.lastPage) return false;
      if (ref.pageSet.countRange(first, Math.min(last, entry.lastPage)) > 0) return true;
    }
    return false;
  });
}

/** Where a frame is in its object. */
export function frameRange(entry: FrameEntry): ByteRange {
  return { offset: entry.offset, size: entry.size };
}

/**
 * The frame in the bytes of its range. Pages come from `decodeFrame`.
 *
 * @throws GraftError `corrupt` when there are fewer or more bytes than the entry says
 */
export function frameOf(
  ref: Pick<SegmentRef, "pageSet">,
  entry: FrameEntry,
  data: Uint8Array,
  objectName: string,
): Frame {
  if (data.length !== entry.size) {
    const name = `frame of pages ${entry.firstPage} … ${entry.lastPage}`;
    throw corrupt(objectName, `${name}: expected ${entry.size} bytes, got ${data.length}`);
  }
  return { pageSet: framePageSet(ref, entry), codec: entry.codec, hash: entry.hash, data };
}

/**
 * Verifies all of a segment: header, footer, and every frame's hash. Calls back with the pages of
 * each frame, ascending.
 *
 * @throws GraftError `corrupt`
 */
export async function readWholeSegment(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
  visit: (pages: readonly Page[]) => void = () => {},
): Promise<SegmentFooter> {
  const object: SegmentObject = { objectName, size: bytes.length };
  const tail = readSegmentTail(bytes, object, compute);
  if (tail.kind === "more") throw corrupt(objectName, "it is too short for its footer");
  checkHeader(bytes, objectName);
  const { footer } = tail;
  const context: FrameContext & { objectName: string } = {
    volumeId: footer.volumeId,
    pageSize: footer.pageSize,
    objectName,
  };
  const ref = segmentRefOf(footer);
  for (const entry of footer.frames) {
    const data = bytes.subarray(entry.offset, entry.offset + entry.size);
    visit(await decodeFrame(frameOf(ref, entry, data, objectName), context, compute));
  }
  return footer;
}

function checkHeader(bytes: Uint8Array, objectName: string): void {
  if (!MAGIC.every((byte, at) => bytes[SEGMENT_HEADER.magic + at] === byte)) {
    throw corrupt(objectName, "it does not begin with the magic GRFT");
  }
  if (bytes[SEGMENT_HEADER.kind] !== SEGMENT_KIND) {
    throw corrupt(objectName, `expected kind ${SEGMENT_KIND}, got ${bytes[SEGMENT_HEADER.kind]}`);
  }
  if (bytes[SEGMENT_HEADER.version] !== SEGMENT_VERSION) {
    const versions = `expected version ${SEGMENT_VERSION}, got ${bytes[SEGMENT_HEADER.version]}`;
    throw corrupt(objectName, `${versions}; a newer graft may have written it`);
  }
  if (bytes[SEGMENT_HEADER.reserved] !== 0 || bytes[SEGMENT_HEADER.reserved + 1] !== 0) {
    throw corrupt(objectName, "its reserved bytes are not zero");
  }
}
