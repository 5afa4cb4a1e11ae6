/**
 * The frame of a log record (docs/formats/local-store.md, "Log").
 *
 * ```
 * 0   4  checksum of 4 … size; seed = generation
 * 4   4  size, a multiple of 8
 * 8   4  checksum of the record before; of the log header for the first
 * 12  4  sequence: 1, 2, 3, …
 * 16  8  how much of the log was durable when the record was written
 * 24  1  kind
 * 25  7  0
 * 32     body, then zeros up to the size
 * ```
 */
import type { ImageBuffer } from "./page-image.ts";
import { xxh32 } from "./xxh32.ts";

export const RECORD_HEADER_SIZE = 32;
const AT = { checksum: 0, size: 4, previous: 8, sequence: 12, synced: 16, kind: 24 } as const;
const ALIGNMENT = 8;
const TWO_32 = 0x1_0000_0000;

export interface RecordHeader {
  readonly size: number;
  readonly previous: number;
  readonly sequence: number;
  /** Bytes of this log that were durable when the record was written. */
  readonly synced: number;
  readonly kind: number;
}

/** The size of a record with a body of this size. */
export function recordSizeOf(bodySize: number): number {
  return alignedSize(RECORD_HEADER_SIZE + bodySize);
}

export function alignedSize(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

/**
 * Closes a record whose body is in the buffer already: header, zeros after the body, checksum.
 *
 * @param offset where the record begins in the buffer
 * @returns the checksum, which the next record names
 */
export function sealRecord(
  buffer: ImageBuffer,
  offset: number,
  header: Omit<RecordHeader, "size"> & { readonly bodySize: number; readonly generation: number },
): number {
  const { bytes, view } = buffer;
  const size = recordSizeOf(header.bodySize);
  const end = offset + size;
  bytes.fill(0, offset + RECORD_HEADER_SIZE + header.bodySize, end);
  bytes.fill(0, offset + AT.kind, offset + RECORD_HEADER_SIZE);
  view.setUint32(offset + AT.size, size, true);
  view.setUint32(offset + AT.previous, header.previous, true);
  view.setUint32(offset + AT.sequence, header.sequence, true);
  setSafeInteger(view, offset + AT.synced, header.synced);
  view.setUint8(offset + AT.kind, header.kind);
  const checksum = xxh32(view, offset + AT.size, end, header.generation);
  view.setUint32(offset + AT.checksum, checksum, true);
  return checksum;
}

/** The header of what may be a record. Nothing is checked but that 32 bytes are there. */
export function readRecordHeader(view: DataView, offset: number): RecordHeader {
  return {
    size: view.getUint32(offset + AT.size, true),
    previous: view.getUint32(offset + AT.previous, true),
    sequence: view.getUint32(offset + AT.sequence, true),
    synced:
      view.getUint32(offset + AT.synced, true) +
      view.getUint32(offset + AT.synced + 4, true) * TWO_32,
    kind: view.getUint8(offset + AT.kind),
  };
}

/** Whether what is there may be a header at all: zeros are none. */
export function mayBeRecord(view: DataView, offset: number): boolean {
  return view.getUint32(offset + AT.size, true) !== 0;
}

/** Whether a record may have this size. */
export function isRecordSize(size: number): boolean {
  return size >= RECORD_HEADER_SIZE && size % ALIGNMENT === 0;
}

/** The checksum of a whole record when it is right, undefined when it is not. */
export function checkRecord(
  view: DataView,
  offset: number,
  size: number,
  generation: number,
): number | undefined {
  const checksum = view.getUint32(offset + AT.checksum, true);
  const isRight = checksum === xxh32(view, offset + AT.size, offset + size, generation);
  return isRight ? checksum : undefined;
}

function setSafeInteger(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}
