/**
 * A transaction that was taken out of the store, as a record of a file on the shelf.
 *
 * ```
 * 0   4  size of the body, u32 little-endian
 * 4   4  XXH32 of the body, u32 little-endian
 * 8      body:
 *        id                        text (u32 size + 1, UTF-8; 0 = absent), never absent
 *        version                   u64, 0 … 2^48 − 1
 *        message                   text, may be absent
 *        error code, error message texts, both or none
 *        rejected at               u64, ms since 1970; 0 without an error
 *        has replay                u8, 0 or 1
 *        replay                    the rest of the body
 * ```
 *
 * Valid when (1) the checksum agrees, (2) every field is within its range, (3) a body without a
 * replay ends there.
 */
import { ByteReader, BytesError, ByteWriter, invariant } from "@graft/core";
import {
  readFlag,
  readText,
  readVersion,
  writeText,
  writeVersion,
} from "../store/durable/change-fields.ts";
import { corruptFile, decodingFile } from "../store/durable/corrupt-file.ts";
import { xxh32Of } from "../store/durable/xxh32.ts";
import type { RejectionReason, SetAsideTransaction } from "../volume.ts";
import type { ShelfFile } from "./shelf.ts";

const HEADER_SIZE = 8;
/** A replay of 16 MiB and its fields: a damaged size must not fill the memory. */
const BODY_SIZE_MAX = 17 * 1024 * 1024;

/** A transaction in the outbox, or on its way to another base. */
export interface SetAsideRecord extends SetAsideTransaction {
  readonly rejection: RejectionReason | undefined;
}

export function encodeSetAside(record: SetAsideRecord): Uint8Array {
  const { id, version, message, rejection, replay } = record;
  const writer = new ByteWriter(256 + (replay?.length ?? 0));
  writer.u32le(0).u32le(0);
  writeText(writer, id);
  writeVersion(writer, version);
  writeText(writer, message);
  writeText(writer, rejection?.code);
  writeText(writer, rejection?.message);
  writer.u64le(BigInt(Math.max(0, Math.trunc(rejection?.atMs ?? 0))));
  writer.u8(replay === undefined ? 0 : 1);
  if (replay !== undefined) writer.bytes(replay);
  const bytes = writer.finish();
  invariant(bytes.length <= HEADER_SIZE + BODY_SIZE_MAX, "a note is within its limits");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(0, bytes.length - HEADER_SIZE, true);
  view.setUint32(4, xxh32Of(bytes.subarray(HEADER_SIZE)), true);
  return bytes;
}

/**
 * The record at an offset of a file, and where the next one begins.
 *
 * @throws GraftError `corrupt`
 */
export function readSetAside(
  file: ShelfFile,
  name: string,
  offset: number,
): { readonly record: SetAsideRecord; readonly end: number } {
  const header = readBytes(file, name, offset, HEADER_SIZE);
  const view = new DataView(header.buffer, header.byteOffset);
  const size = view.getUint32(0, true);
  if (size > BODY_SIZE_MAX) {
    throw corruptFile(name, offset, `a record of ${size} bytes, at most ${BODY_SIZE_MAX}`);
  }
  const body = readBytes(file, name, offset + HEADER_SIZE, size);
  if (xxh32Of(body) !== view.getUint32(4, true)) {
    throw corruptFile(name, offset, "a record fails its checksum");
  }
  const record = decodingFile(name, offset + HEADER_SIZE, () => decodeBody(body));
  return { record, end: offset + HEADER_SIZE + size };
}

function decodeBody(body: Uint8Array): SetAsideRecord {
  const reader = new ByteReader(body);
  const id = readText(reader);
  if (id === undefined) throw new BytesError("a transaction has no id", reader.offset);
  const version = readVersion(reader);
  const message = readText(reader);
  const code = readText(reader);
  const why = readText(reader);
  const atMs = Number(reader.u64le());
  if ((code === undefined) !== (why === undefined)) {
    throw new BytesError("an error has a code and a message", reader.offset);
  }
  const hasReplay = readFlag(reader);
  const replay = hasReplay ? reader.rest() : undefined;
  reader.expectEnd();
  return {
    id,
    version,
    message,
    replay,
    rejection: code === undefined ? undefined : { code, message: why ?? "", atMs },
  };
}

function readBytes(file: ShelfFile, name: string, offset: number, size: number): Uint8Array {
  if (offset + size > file.size) {
    throw corruptFile(name, offset, `expected ${size} more bytes, the file has ${file.size}`);
  }
  const bytes = new Uint8Array(size);
  if (file.read(bytes, offset) < size) throw corruptFile(name, offset, "the file is cut off");
  return bytes;
}
