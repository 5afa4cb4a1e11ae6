/**
 * A record: the row of a table or the key of an index. A header of varints (its own size, then one
 * serial type for each column), then the values.
 */
import { readUint32 } from "../page-one.ts";
import { readVarint, type Varint } from "./varint.ts";

const FIXED_SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

/** Bytes of a value of this serial type; undefined for the reserved types 10 and 11. */
export function valueSize(serialType: number): number | undefined {
  if (serialType >= 12) return Math.floor((serialType - 12) / 2);
  return FIXED_SIZES[serialType];
}

/**
 * Why bytes offset…end cannot be the local part of a record with `payloadSize` bytes; undefined
 * when they can. A header that is continued on an overflow page is not judged.
 */
export function recordFault(
  bytes: Uint8Array,
  offset: number,
  end: number,
  payloadSize: number,
  varint: Varint,
): string | undefined {
  const headerSize = readVarint(bytes, offset, end, varint).value;
  if (varint.size === 0 || headerSize < varint.size || headerSize > payloadSize) {
    return `a record header of ${headerSize} bytes in a payload of ${payloadSize}`;
  }
  const headerEnd = offset + headerSize;
  if (headerEnd > end) return undefined;
  let size = headerSize;
  let at = offset + varint.size;
  while (at < headerEnd) {
    const type = readVarint(bytes, at, headerEnd, varint).value;
    const columnSize = type >= 12 ? Math.floor((type - 12) / 2) : FIXED_SIZES[type];
    if (varint.size === 0 || columnSize === undefined) return "a record header with a wrong type";
    at += varint.size;
    size += columnSize;
  }
  return size === payloadSize
    ? undefined
    : `a record of ${size} bytes in a payload of ${payloadSize} bytes`;
}

/**
 * The first columns of a record as text and integers; undefined where they are neither, or cut off.
 */
export function readColumns(
  bytes: Uint8Array,
  count: number,
  decoder: TextDecoder,
): readonly (string | number | undefined)[] {
  const varint: Varint = { value: 0, size: 0 };
  const headerEnd = Math.min(readVarint(bytes, 0, bytes.length, varint).value, bytes.length);
  let typeAt = varint.size;
  let valueAt = headerEnd;
  const columns: (string | number | undefined)[] = [];
  while (columns.length < count && typeAt < headerEnd) {
    const type = readVarint(bytes, typeAt, headerEnd, varint).value;
    if (varint.size === 0) break;
    typeAt += varint.size;
    const size = valueSize(type) ?? 0;
    // Text may be cut off: its beginning is enough for whoever asks.
    const value = bytes.subarray(valueAt, valueAt + size);
    columns.push(type >= 13 && type % 2 === 1 ? decoder.decode(value) : readInteger(type, value));
    valueAt += size;
  }
  return columns;
}

/** Non-negative integers of up to 4 bytes: page numbers are no greater. */
function readInteger(type: number, value: Uint8Array): number | undefined {
  if (type === 8) return 0;
  if (type === 9) return 1;
  if (type < 1 || type > 6 || value.length < (FIXED_SIZES[type] ?? 0)) return undefined;
  const padded = new Uint8Array(8);
  padded.set(value, 8 - value.length);
  return readUint32(padded, 0) === 0 ? readUint32(padded, 4) : undefined;
}
