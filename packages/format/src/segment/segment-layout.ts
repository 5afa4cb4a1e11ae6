/**
 * A segment: an immutable object with pages. All integers are big-endian.
 *
 * | offset       | size | field       | meaning                                                     |
 * |--------------|------|-------------|-------------------------------------------------------------|
 * | 0            | 4    | magic       | `GRFT`                                                      |
 * | 4            | 1    | kind        | 0x53, `S`: no kind of record                                |
 * | 5            | 1    | version     | 1                                                           |
 * | 6            | 2    | reserved    | zero                                                        |
 * | 8            | f    | frames      | as stored, back to back, ascending by page index            |
 * | 8 + f        | r    | footer      | record of kind `segment-footer`                             |
 * | 8 + f + r    | 4    | footer size | r, bytes                                                    |
 * | 8 + f + r + 4| 4    | magic       | `TFRG`                                                      |
 */
import { FRAME_PAGE_COUNT_MAX, FRAME_SIZE_MAX, invariant, SEGMENT_SIZE_MAX } from "@graft/core";
import { RECORD, RECORD_KINDS } from "../record.ts";

/** The first bytes of a segment. */
export const SEGMENT_HEADER: {
  readonly magic: 0;
  readonly kind: 4;
  readonly version: 5;
  readonly reserved: 6;
  readonly size: 8;
} = { magic: 0, kind: 4, version: 5, reserved: 6, size: 8 };

/** The last bytes of a segment. */
export const SEGMENT_TRAILER: { readonly footerSize: 0; readonly magic: 4; readonly size: 8 } = {
  footerSize: 0,
  magic: 4,
  size: 8,
};

/** In the place where a record has its kind. */
export const SEGMENT_KIND = 0x53;
export const SEGMENT_VERSION = 1;

/** `TFRG`: the last bytes of every segment. */
export const TRAILER_MAGIC: readonly number[] = [0x54, 0x46, 0x52, 0x47];

/**
 * Bytes of the first read of a segment's end: holds the footer of every segment of ≤ 8 MiB of 4
 * KiB pages.
 */
export const SEGMENT_TAIL_SIZE: number = 16 * 1024;

/** Bytes of the greatest footer record. */
export const SEGMENT_FOOTER_SIZE_MAX: number = RECORD_KINDS["segment-footer"].sizeMax;

/** Bytes of the least segment: a frame of one byte and a footer without a body would fit. */
export const SEGMENT_SIZE_MIN: number =
  SEGMENT_HEADER.size + 1 + RECORD.overhead + SEGMENT_TRAILER.size;

/**
 * Page bytes in a segment before compression, so that what one read of a segment takes is bounded
 * too.
 */
export const SEGMENT_PAGES_SIZE_MAX: number = SEGMENT_SIZE_MAX;

invariant(SEGMENT_HEADER.reserved + 2 === SEGMENT_HEADER.size, "the reserved bytes end the header");
invariant(SEGMENT_TRAILER.magic + 4 === SEGMENT_TRAILER.size, "the magic ends the trailer");
invariant(
  SEGMENT_FOOTER_SIZE_MAX + SEGMENT_HEADER.size + SEGMENT_TRAILER.size < SEGMENT_SIZE_MAX,
  "the greatest footer leaves room for frames",
);

/** How many pages of this size a frame holds at most: 64, or what fits 256 KiB. */
export function framePageCountMax(pageSize: number): number {
  return Math.min(FRAME_PAGE_COUNT_MAX, FRAME_SIZE_MAX / pageSize);
}
