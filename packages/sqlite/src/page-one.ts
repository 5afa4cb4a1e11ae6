/**
 * Page 1 begins with SQLite's database header. Three of its fields say who wrote last, not what is
 * stored; stored pages carry zeros there and readers see values made from the volume's version.
 *
 * | offset | size | field (big-endian)                | stored | read                        |
 * |-------:|-----:|-----------------------------------|--------|-----------------------------|
 * |      0 |   16 | magic `SQLite format 3\0`         | as is  | as is                       |
 * |     16 |    2 | page size; 1 means 65536          | as is  | as is                       |
 * |     18 |    2 | write and read version; 2 = WAL   | as is (1, 1 on import) | as is       |
 * |     24 |    4 | change counter                    | 0      | the counter                 |
 * |     28 |    4 | page count                        | as is  | as is                       |
 * |     40 |    4 | schema cookie                     | as is  | plus an offset, see schema-lineage.ts |
 * |     92 |    4 | version-valid-for                 | 0      | the counter                 |
 * |     96 |    4 | version number of SQLite          | 0      | `SQLITE_VERSION_NUMBER`     |
 *
 * So page 1 changes only when the schema or the size does, two builds of SQLite do not fight over
 * it, and the same SQL gives the same bytes on two clients.
 */

/** Size of the database header at the start of page 1. */
export const HEADER_SIZE = 100;

/** `SQLite format 3`, closed by a zero byte. */
export const HEADER_MAGIC: Uint8Array = new TextEncoder().encode("SQLite format 3\0");

/** Offsets of the header's fields, in bytes. */
export const HEADER = {
  magic: 0,
  pageSize: 16,
  writeVersion: 18,
  readVersion: 19,
  reservedSize: 20,
  changeCounter: 24,
  pageCount: 28,
  freelistFirst: 32,
  freelistCount: 36,
  schemaCookie: 40,
  largestRoot: 52,
  versionValidFor: 92,
  versionNumber: 96,
} as const;

/** What readers see as the writer of every database: 3.54.1, whichever build wrote it. */
export const SQLITE_VERSION_NUMBER = 3_054_001;

const WORD_SIZE = 4;

/** Byte ranges whose content is made up on read: [offset, size]. */
const MASKED: readonly (readonly [offset: number, size: number])[] = [
  [HEADER.changeCounter, 4],
  [HEADER.versionValidFor, 4],
  [HEADER.versionNumber, 4],
];

/** Zeroes the masked fields, in place: the stored form of page 1. */
export function maskPageOne(page: Uint8Array): void {
  for (const [offset, size] of MASKED) page.fill(0, offset, offset + size);
}

/**
 * Fills the masked fields, in place: what SQLite reads.
 *
 * @param counter the change counter; taken modulo 2^32
 */
export function unmaskPageOne(page: Uint8Array, counter: number): void {
  writeUint32(page, HEADER.changeCounter, counter);
  writeUint32(page, HEADER.versionValidFor, counter);
  writeUint32(page, HEADER.versionNumber, SQLITE_VERSION_NUMBER);
}

/** Whether two pages 1 of one size store the same, whatever their masked fields hold. */
export function equalsUnderMask(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < HEADER_SIZE; at++) {
    if (a[at] !== b[at] && !isMasked(at)) return false;
  }
  return equalsFrom(a, b, HEADER_SIZE);
}

/** Adds to the schema cookie, in place; modulo 2^32. */
export function shiftSchemaCookie(page: Uint8Array, offset: number): void {
  if (offset === 0) return;
  const cookie = readUint32(page, HEADER.schemaCookie) + offset;
  writeUint32(page, HEADER.schemaCookie, cookie < 0 ? cookie + 0x1_0000_0000 : cookie);
}

/** The page count a header states (bytes 28–31). */
export function statedPageCount(page: Uint8Array): number {
  return readUint32(page, HEADER.pageCount);
}

/** Whether these bytes begin like a SQLite database. */
export function hasHeaderMagic(page: Uint8Array): boolean {
  return HEADER_MAGIC.every((byte, at) => page[at] === byte);
}

/** The page size a header states; not checked. */
export function statedPageSize(page: Uint8Array): number {
  const stated = ((page[HEADER.pageSize] ?? 0) << 8) | (page[HEADER.pageSize + 1] ?? 0);
  return stated === 1 ? 65_536 : stated;
}

/** Big-endian. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] ?? 0) << 24) |
      ((bytes[offset + 1] ?? 0) << 16) |
      ((bytes[offset + 2] ?? 0) << 8) |
      (bytes[offset + 3] ?? 0)) >>>
    0
  );
}

/** Big-endian; `value` is taken modulo 2^32. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  const low = value % 0x1_0000_0000;
  bytes[offset] = low >>> 24;
  bytes[offset + 1] = low >>> 16;
  bytes[offset + 2] = low >>> 8;
  bytes[offset + 3] = low;
}

/** Word by word where that is possible: it is done at every commit. */
function equalsFrom(a: Uint8Array, b: Uint8Array, start: number): boolean {
  const size = a.length - start;
  const isAligned = (a.byteOffset | b.byteOffset | start | size) % WORD_SIZE === 0;
  const [left, right] = isAligned ? [wordsOf(a, start), wordsOf(b, start)] : [a, b];
  for (let at = isAligned ? 0 : start; at < left.length; at++) {
    if (left[at] !== right[at]) return false;
  }
  return true;
}

function wordsOf(bytes: Uint8Array, start: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset + start, (bytes.length - start) / WORD_SIZE);
}

function isMasked(at: number): boolean {
  return MASKED.some(([offset, size]) => at >= offset && at < offset + size);
}
