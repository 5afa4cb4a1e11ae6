/**
 * The outline of a zstd frame (RFC 8878 §3.1), read without decompressing it:
 *
 * | offset | size | field                                                                       |
 * | -----: | ---: | --------------------------------------------------------------------------- |
 * |      0 |    4 | magic, 0xFD2FB528 little-endian                                               |
 * |      4 |    1 | descriptor: bits 0–1 dictionary id, 2 checksum, 3 zero, 5 single segment, 6–7 content size |
 * |      5 |  0/1 | window: absent with a single segment                                        |
 * |      … |  0–4 | dictionary id                                                               |
 * |      … |  0–8 | content size, little-endian                                                 |
 * |      … |    … | blocks: header(3: bit 0 last, bits 1–2 type, 3–23 size) · body               |
 * |      … |  0/4 | checksum                                                                    |
 *
 * Decoders stop at the end of the first frame and say nothing about what follows, and they take a
 * window of whatever size the frame names; so both are looked at first.
 */
import { BytesError } from "./bytes-error.ts";
import { ByteReader } from "./reader.ts";

const MAGIC = 0xfd2f_b528;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** What a frame says about itself. Nothing of it is proven until it was decompressed. */
export interface ZstdFrameOutline {
  /** Bytes of the frame from its magic to its end. */
  readonly size: number;
  /** Bytes it claims to decompress to; undefined when it does not say. */
  readonly contentSize: bigint | undefined;
  /** Memory its decoder needs beside the content, bytes. */
  readonly windowSize: bigint;
}

/** @throws BytesError when there is no whole frame at the start of the bytes */
export function outlineZstdFrame(bytes: Uint8Array): ZstdFrameOutline {
  const reader = new ByteReader(bytes);
  if (reader.u32le() !== MAGIC) throw new BytesError("there is no zstd frame", 0);
  const descriptor = reader.u8();
  if ((descriptor & 0x08) !== 0) throw new BytesError("a reserved bit is set", 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const window = isSingleSegment ? undefined : windowSizeOf(reader.u8());
  reader.bytes([0, 1, 2, 4][descriptor & 0x03] ?? 0);
  const contentSize = readContentSize(reader, descriptor >> 6, isSingleSegment);
  skipBlocks(reader);
  if ((descriptor & 0x04) !== 0) reader.bytes(4);
  return { size: reader.offset, contentSize, windowSize: window ?? contentSize ?? 0n };
}

function windowSizeOf(descriptor: number): bigint {
  const base = 1n << BigInt(10 + (descriptor >> 3));
  return base + (base / 8n) * BigInt(descriptor & 0x07);
}

function readContentSize(
  reader: ByteReader,
  flag: number,
  isSingleSegment: boolean,
): bigint | undefined {
  if (flag === 0) return isSingleSegment ? BigInt(reader.u8()) : undefined;
  if (flag === 1) return BigInt(reader.u16le()) + 256n;
  if (flag === 2) return BigInt(reader.u32le());
  return reader.u64le();
}

function skipBlocks(reader: ByteReader): void {
  while (true) {
    const header = reader.u8() | (reader.u16le() << 8);
    const type = (header >> 1) & 0x03;
    if (type === BLOCK_RESERVED) throw new BytesError("a block is of no known type", reader.offset);
    reader.bytes(type === BLOCK_RLE ? 1 : header >> 3);
    if ((header & 1) !== 0) return;
  }
}
