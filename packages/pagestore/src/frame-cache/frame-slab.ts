/**
 * A slab: a file of frames that were written together. Numbers are little-endian.
 *
 * | offset | size | field | meaning |
 * |---|---|---|---|
 * | 0 | 8 | magic | `GRFTSLAB` |
 * | 8 | 2 | version | 1; other versions are deleted, not read |
 * | 10 | 1 | queue | 0 fresh, 1 kept |
 * | 11 | 1 | – | 0 |
 * | 12 | 4 | count | frames, 1 … 1,024 |
 * | 16 | 4 | table size | bytes of the table |
 * | 20 | 16 | checksum | first bytes of SHA-256 over the 20 bytes above and the table |
 * | 36 | table size | table | per frame: codec u8 (0 raw, 1 zstd), key size u8, key, size u32 |
 * | … | … | frames | back to back, as they lie in the object store |
 *
 * The frames have no checksum of their own: a key names its content by hash, and no frame is used
 * before it was decoded and hashed.
 */
import {
  ByteReader,
  BytesError,
  ByteWriter,
  type Compute,
  concatBytes,
  equalBytes,
  FRAME_SIZE_MAX,
  invariant,
} from "@graft/core";
import type { FrameCodec } from "@graft/format";

/** Frames of one slab at most. */
export const SLAB_FRAME_COUNT_MAX = 1024;
/** Bytes of a key at most: a volume id, a slash and a hash as hex take 55. */
export const SLAB_KEY_SIZE_MAX = 64;

const MAGIC: Uint8Array = new TextEncoder().encode("GRFTSLAB");
const VERSION = 1;
const CHECKSUM_OFFSET = 20;
const CHECKSUM_SIZE = 16;
const TABLE_OFFSET: number = CHECKSUM_OFFSET + CHECKSUM_SIZE;
/** Codec, size of the key, size of the frame. */
const ENTRY_FIXED_SIZE = 6;

/** Bytes that hold the head of any slab. */
export const SLAB_HEAD_SIZE_MAX: number =
  TABLE_OFFSET + SLAB_FRAME_COUNT_MAX * (ENTRY_FIXED_SIZE + SLAB_KEY_SIZE_MAX);

/** New frames, or those that were asked for again. */
export type SlabQueue = "fresh" | "kept";

/** A frame as it is stored, and the name of its content. */
export interface SlabFrame {
  readonly key: string;
  readonly codec: FrameCodec;
  readonly data: Uint8Array;
}

/** Where a frame lies in its slab. */
export interface SlabEntry {
  readonly key: string;
  readonly codec: FrameCodec;
  readonly offset: number;
  readonly size: number;
}

export interface SlabHead {
  readonly queue: SlabQueue;
  readonly entries: readonly SlabEntry[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/** What a slab is written from: its head, and its bytes in parts that are views of the frames. */
export interface EncodedSlab {
  readonly head: SlabHead;
  readonly parts: readonly Uint8Array[];
}

/** @param frames 1 … 1,024, keys of at most 64 bytes of ASCII */
export function encodeSlab(
  queue: SlabQueue,
  frames: readonly SlabFrame[],
  compute: Compute,
): EncodedSlab {
  invariant(
    frames.length >= 1 && frames.length <= SLAB_FRAME_COUNT_MAX,
    `a slab holds 1 … ${SLAB_FRAME_COUNT_MAX} frames`,
  );
  const table = new ByteWriter();
  for (const { key, codec, data } of frames) {
    const name = new TextEncoder().encode(key);
    invariant(name.length <= SLAB_KEY_SIZE_MAX, "a key fits a slab");
    table.u8(codec === "raw" ? 0 : 1).u8(name.length);
    table.bytes(name).u32le(data.length);
  }
  const tableBytes = table.finish();
  const fixed = new ByteWriter().bytes(MAGIC).u16le(VERSION);
  fixed.u8(queue === "fresh" ? 0 : 1).u8(0);
  const fixedBytes = fixed.u32le(frames.length).u32le(tableBytes.length).finish();
  const head = concatBytes([fixedBytes, checksum(fixedBytes, tableBytes, compute), tableBytes]);
  let offset = head.length;
  const entries = frames.map(({ key, codec, data }): SlabEntry => {
    const entry = { key, codec, offset, size: data.length };
    offset += data.length;
    return entry;
  });
  const parts = [head, ...frames.map(({ data }) => data)];
  return { head: { queue, entries, size: offset }, parts };
}

/**
 * The head of a slab; undefined when it is none, or damaged.
 *
 * @param bytes the first `SLAB_HEAD_SIZE_MAX` bytes of the file, or all of a smaller one
 */
export function decodeSlabHead(bytes: Uint8Array, compute: Compute): SlabHead | undefined {
  try {
    return readHead(bytes, compute);
  } catch (error) {
    if (error instanceof BytesError) return undefined;
    throw error;
  }
}

function readHead(bytes: Uint8Array, compute: Compute): SlabHead | undefined {
  const reader = new ByteReader(bytes);
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC) || reader.u16le() !== VERSION)
    return undefined;
  const queue = reader.u8();
  const padding = reader.u8();
  const count = reader.u32le();
  const tableSize = reader.u32le();
  const claimed = reader.bytes(CHECKSUM_SIZE);
  const table = reader.bytes(tableSize);
  if (queue > 1 || padding !== 0 || count < 1 || count > SLAB_FRAME_COUNT_MAX) return undefined;
  if (!equalBytes(claimed, checksum(bytes.subarray(0, CHECKSUM_OFFSET), table, compute))) {
    return undefined;
  }
  const entries = readTable(table, count);
  const last = entries?.at(-1);
  if (entries === undefined || last === undefined) return undefined;
  return { queue: queue === 0 ? "fresh" : "kept", entries, size: last.offset + last.size };
}

function readTable(table: Uint8Array, count: number): readonly SlabEntry[] | undefined {
  const reader = new ByteReader(table);
  const entries: SlabEntry[] = [];
  let offset = TABLE_OFFSET + table.length;
  for (let at = 0; at < count; at++) {
    const codec = reader.u8();
    const key = new TextDecoder().decode(reader.bytes(reader.u8()));
    const size = reader.u32le();
    if (codec > 1 || key.length > SLAB_KEY_SIZE_MAX || size > FRAME_SIZE_MAX) return undefined;
    entries.push({ key, codec: codec === 0 ? "raw" : "zstd", offset, size });
    offset += size;
  }
  reader.expectEnd();
  return entries;
}

function checksum(fixed: Uint8Array, table: Uint8Array, compute: Compute): Uint8Array {
  return compute.sha256(fixed, table).subarray(0, CHECKSUM_SIZE);
}
