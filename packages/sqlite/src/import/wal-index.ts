/**
 * Reads SQLite's write-ahead log (the `-wal` file beside a database). All integers are big-endian.
 *
 * | offset | size | header field                                                      |
 * |-------:|-----:|-------------------------------------------------------------------|
 * |      0 |    4 | magic 0x377f0682 (checksums little-endian) or …83 (big-endian)    |
 * |      4 |    4 | format, 3007000                                                   |
 * |      8 |    4 | page size                                                         |
 * |     12 |    4 | checkpoint sequence number                                        |
 * |     16 |    8 | salt                                                              |
 * |     24 |    8 | checksum of the 24 bytes before                                   |
 *
 * Then frames: a header of 24 bytes and a page.
 *
 * | offset | size | frame field                                                       |
 * |-------:|-----:|-------------------------------------------------------------------|
 * |      0 |    4 | page index                                                        |
 * |      4 |    4 | page count after the commit; 0 in a frame that ends no commit     |
 * |      8 |    8 | salt, equal to the header's                                       |
 * |     16 |    8 | checksum over all before: first 8 bytes of the frame, and its page |
 *
 * A frame counts while salts and the running checksum agree; the log ends before the first that
 * does not. Only frames up to the last commit count.
 */
import type { PageSize } from "@graft/core";
import { readUint32 } from "../page-one.ts";
import type { ByteSource } from "./byte-source.ts";

const WAL_HEADER_SIZE = 32;
const FRAME_HEADER_SIZE = 24;
const MAGIC = 0x377f_0682;
const FORMAT = 3_007_000;
/** Frames read at once. */
const BATCH_SIZE = 1024 * 1024;

/** The committed content of a log. */
export interface WalIndex {
  /** Page count after the last commit. */
  readonly pageCount: number;
  /** Where the newest committed bytes of each logged page lie in the file. */
  readonly offsets: ReadonlyMap<number, number>;
}

/**
 * Indexes the commits of a log; undefined when there is none (no header, another page size, nothing
 * committed), in which case the database file stands alone. Memory: one entry for each logged page.
 */
export function readWalIndex(wal: ByteSource, pageSize: PageSize): WalIndex | undefined {
  const header = new Uint8Array(WAL_HEADER_SIZE);
  if (wal.read(header, 0) < WAL_HEADER_SIZE) return undefined;
  const magic = readUint32(header, 0);
  if ((magic & ~1) >>> 0 !== MAGIC || readUint32(header, 4) !== FORMAT) return undefined;
  if (readUint32(header, 8) !== pageSize) return undefined;
  const checksum = new RunningChecksum((magic & 1) !== 0);
  checksum.add(header, 0, 24);
  if (!checksum.isAt(header, 24)) return undefined;
  return indexFrames(wal, pageSize, header, checksum);
}

function indexFrames(
  wal: ByteSource,
  pageSize: PageSize,
  header: Uint8Array,
  checksum: RunningChecksum,
): WalIndex | undefined {
  const frameSize = FRAME_HEADER_SIZE + pageSize;
  const batch = new Uint8Array(Math.max(1, Math.floor(BATCH_SIZE / frameSize)) * frameSize);
  const offsets = new Map<number, number>();
  const uncommitted = new Map<number, number>();
  let pageCount: number | undefined;
  for (let start = WAL_HEADER_SIZE; ; start += batch.length) {
    const size = wal.read(batch, start);
    for (let at = 0; at + frameSize <= size; at += frameSize) {
      const frame = batch.subarray(at, at + frameSize);
      if (!isValidFrame(frame, header, checksum)) return toIndex(pageCount, offsets);
      uncommitted.set(readUint32(frame, 0), start + at + FRAME_HEADER_SIZE);
      const committedCount = readUint32(frame, 4);
      if (committedCount === 0) continue;
      pageCount = committedCount;
      for (const [page, offset] of uncommitted) offsets.set(page, offset);
      uncommitted.clear();
    }
    if (size < batch.length) return toIndex(pageCount, offsets);
  }
}

function isValidFrame(frame: Uint8Array, header: Uint8Array, checksum: RunningChecksum): boolean {
  if (readUint32(frame, 0) === 0) return false;
  if (readUint32(frame, 8) !== readUint32(header, 16)) return false;
  if (readUint32(frame, 12) !== readUint32(header, 20)) return false;
  checksum.add(frame, 0, 8);
  checksum.add(frame, FRAME_HEADER_SIZE, frame.length);
  return checksum.isAt(frame, 16);
}

function toIndex(
  pageCount: number | undefined,
  offsets: ReadonlyMap<number, number>,
): WalIndex | undefined {
  return pageCount === undefined ? undefined : { pageCount, offsets };
}

/**
 * Two sums that feed each other, over 32-bit words in the byte order that the magic number names.
 */
class RunningChecksum {
  readonly #isBigEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  /** Adds bytes from…to; their number is a multiple of 8. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLittleEndian = !this.#isBigEndian;
    let [first, second] = [this.#first, this.#second];
    for (let at = from; at < to; at += 8) {
      first = (first + view.getUint32(at, isLittleEndian) + second) | 0;
      second = (second + view.getUint32(at + 4, isLittleEndian) + first) | 0;
    }
    this.#first = first;
    this.#second = second;
  }

  isAt(bytes: Uint8Array, offset: number): boolean {
    return (
      readUint32(bytes, offset) === this.#first >>> 0 &&
      readUint32(bytes, offset + 4) === this.#second >>> 0
    );
  }
}
