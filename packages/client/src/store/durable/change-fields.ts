/** Fields that records and indexes share, both directions (docs/formats/local-store.md). */
import {
  type ByteReader,
  BytesError,
  type ByteWriter,
  decodePageSet,
  encodePageSet,
  type PageSet,
  toLsn,
  toPageCount,
  toPageSize,
} from "@graft/core";
import type { RemotePoint } from "../local-store.ts";

const text = new TextEncoder();
const fromText = new TextDecoder("utf-8", { fatal: true });

export function writeVersion(writer: ByteWriter, version: number): void {
  writer.u64le(BigInt(version));
}

export function readVersion(reader: ByteReader): number {
  const version = Number(reader.u64le());
  if (version >= 2 ** 48) throw new BytesError(`version ${version} is over 48 bits`, reader.offset);
  return version;
}

export function writeRemotePoint(writer: ByteWriter, remote: RemotePoint): void {
  writer.u64le(remote.lsn).u32le(remote.pageCount).u32le(remote.pageSize);
}

export function readRemotePoint(reader: ByteReader): RemotePoint {
  const lsn = toLsn(reader.u64le());
  const pageCount = toPageCount(reader.u32le());
  return { lsn, pageCount, pageSize: toPageSize(reader.u32le()) };
}

export function writePageSet(writer: ByteWriter, pages: PageSet): void {
  const bytes = encodePageSet(pages);
  writer.u32le(bytes.length).bytes(bytes);
}

export function readPageSet(reader: ByteReader): PageSet {
  return decodePageSet(reader.bytes(reader.u32le()), "corrupt");
}

export function writeText(writer: ByteWriter, value: string | undefined): void {
  if (value === undefined) {
    writer.u32le(0);
    return;
  }
  const bytes = text.encode(value);
  writer.u32le(bytes.length + 1).bytes(bytes);
}

export function readText(reader: ByteReader): string | undefined {
  const size = reader.u32le();
  if (size === 0) return undefined;
  const bytes = reader.bytes(size - 1);
  try {
    return fromText.decode(bytes);
  } catch {
    throw new BytesError("a text is not UTF-8", reader.offset);
  }
}

/** Read sets never change, and one commit after the other has the same. */
const encodedReads = new WeakMap<PageSet, Uint8Array>();

/** A read set, which may be absent. */
export function writeReads(writer: ByteWriter, reads: PageSet | undefined): void {
  writer.u8(reads === undefined ? 0 : 1);
  if (reads === undefined) return;
  let bytes = encodedReads.get(reads);
  if (bytes === undefined) {
    bytes = encodePageSet(reads);
    encodedReads.set(reads, bytes);
  }
  writer.u32le(bytes.length).bytes(bytes);
}

export function readReads(reader: ByteReader): PageSet | undefined {
  return readFlag(reader) ? readPageSet(reader) : undefined;
}

/** A flag of one byte. */
export function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new BytesError(`a flag is ${value}`, reader.offset);
  return value === 1;
}
