/**
 * The envelope of every record. All integers are big-endian.
 *
 * | offset | size | field     | meaning                                                        |
 * |--------|------|-----------|----------------------------------------------------------------|
 * | 0      | 4    | magic     | `GRFT`                                                         |
 * | 4      | 1    | kind      | what the body is: see `RECORD_KINDS`                           |
 * | 5      | 1    | version   | of the body; a reader refuses one it does not know             |
 * | 6      | 4    | body size | bytes                                                          |
 * | 10     | n    | body      | protobuf, `graft.storage.v1`                                   |
 * | 10 + n | 8    | checksum  | the first 8 bytes of SHA-256 over everything before it         |
 */
import { COMMIT_RECORD_SIZE_MAX, type Compute, invariant } from "@graft/core";
import { corrupt } from "./corrupt.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** One of the kinds of records. */
export type RecordKind =
  | "volume"
  | "commit"
  | "segment-footer"
  | "checkpoint-root"
  | "checkpoint-block";

/** The kinds of records. `sizeMax` is bytes of the whole record, envelope included. */
export const RECORD_KINDS: Readonly<Record<RecordKind, RecordKindFacts>> = {
  volume: { code: 1, version: 1, sizeMax: 4 * KIB },
  commit: { code: 2, version: 1, sizeMax: COMMIT_RECORD_SIZE_MAX },
  "segment-footer": { code: 3, version: 1, sizeMax: MIB },
  "checkpoint-root": { code: 4, version: 1, sizeMax: 32 * MIB },
  "checkpoint-block": { code: 5, version: 1, sizeMax: 64 * KIB },
};

interface RecordKindFacts {
  readonly code: number;
  readonly version: number;
  readonly sizeMax: number;
}

/** Where each field of the envelope begins, and what it takes. */
export const RECORD: {
  readonly magic: 0;
  readonly kind: 4;
  readonly version: 5;
  readonly bodySize: 6;
  readonly body: 10;
  readonly checksumSize: 8;
  readonly overhead: 18;
} = { magic: 0, kind: 4, version: 5, bodySize: 6, body: 10, checksumSize: 8, overhead: 18 };

/** `GRFT`: the first bytes of every record and of every segment. */
export const MAGIC: readonly number[] = [0x47, 0x52, 0x46, 0x54];

invariant(RECORD.magic + MAGIC.length === RECORD.kind, "the kind follows the magic");
invariant(RECORD.bodySize + 4 === RECORD.body, "the body follows its size");
invariant(RECORD.overhead === RECORD.body + RECORD.checksumSize, "header and checksum surround it");

/**
 * Wraps a body, given whole or in pieces. The caller has checked its size: over the limit of its
 * kind is broken code.
 */
export function encodeRecord(
  kind: RecordKind,
  body: Uint8Array | readonly Uint8Array[],
  compute: Compute,
): Uint8Array {
  const { code, version, sizeMax } = RECORD_KINDS[kind];
  const pieces = body instanceof Uint8Array ? [body] : body;
  const bodySize = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const size = RECORD.overhead + bodySize;
  invariant(size <= sizeMax, `a ${kind} record of ${size} bytes is at most ${sizeMax}`);
  const bytes = new Uint8Array(size);
  bytes.set(MAGIC, RECORD.magic);
  bytes[RECORD.kind] = code;
  bytes[RECORD.version] = version;
  new DataView(bytes.buffer).setUint32(RECORD.bodySize, bodySize);
  let at: number = RECORD.body;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  bytes.set(checksumOf(bytes, compute), at);
  return bytes;
}

/**
 * Checks the envelope and gives the body: a view, valid while `bytes` is.
 *
 * @throws GraftError `corrupt`: wrong magic, kind, version, size or checksum
 */
export function decodeRecord(
  kind: RecordKind,
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
): Uint8Array {
  const { code, version, sizeMax } = RECORD_KINDS[kind];
  if (bytes.length < RECORD.overhead || bytes.length > sizeMax) {
    const expected = `${RECORD.overhead} … ${sizeMax} bytes`;
    throw corrupt(objectName, `expected a ${kind} record of ${expected}, got ${bytes.length}`);
  }
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) {
    throw corrupt(objectName, "it does not begin with the magic GRFT");
  }
  if (bytes[RECORD.kind] !== code) {
    const actual = kindOfCode(bytes[RECORD.kind]) ?? `unknown kind ${bytes[RECORD.kind]}`;
    throw corrupt(objectName, `expected a ${kind} record, got ${actual}`);
  }
  if (bytes[RECORD.version] !== version) {
    const versions = `expected version ${version}, got ${bytes[RECORD.version]}`;
    throw corrupt(objectName, `${versions}; a newer graft may have written it`);
  }
  const bodySize = new DataView(bytes.buffer, bytes.byteOffset).getUint32(RECORD.bodySize);
  if (bodySize !== bytes.length - RECORD.overhead) {
    const expected = `expected a body of ${bodySize} bytes`;
    throw corrupt(objectName, `${expected}, got ${bytes.length - RECORD.overhead}`);
  }
  const checksum = checksumOf(bytes, compute);
  if (!checksum.every((byte, at) => bytes[RECORD.body + bodySize + at] === byte)) {
    throw corrupt(objectName, "its checksum does not match its bytes");
  }
  return bytes.subarray(RECORD.body, RECORD.body + bodySize);
}

/**
 * What a record says it is, for tools that look at unknown files; nothing is verified. Undefined
 * when it does not begin like a record.
 */
export function peekRecord(
  bytes: Uint8Array,
): { readonly kind: RecordKind; readonly version: number } | undefined {
  const version = bytes[RECORD.version];
  if (version === undefined || !MAGIC.every((byte, at) => bytes[at] === byte)) return undefined;
  const kind = kindOfCode(bytes[RECORD.kind]);
  return kind === undefined ? undefined : { kind, version };
}

function checksumOf(bytes: Uint8Array, compute: Compute): Uint8Array {
  const covered = bytes.subarray(0, bytes.length - RECORD.checksumSize);
  return compute.sha256(covered).subarray(0, RECORD.checksumSize);
}

function kindOfCode(code: number | undefined): RecordKind | undefined {
  for (const [kind, facts] of Object.entries(RECORD_KINDS)) {
    if (facts.code === code) return kind as RecordKind;
  }
  return undefined;
}
