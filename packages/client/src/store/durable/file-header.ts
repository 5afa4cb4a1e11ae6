/**
 * The first 64 bytes of `index-…` and `log-…` (docs/formats/local-store.md).
 *
 * ```
 * 0   4   magic "GRFT"
 * 4   1   kind: 0x49 index, 0x4c log
 * 5   1   format version
 * 6   2   0
 * 8   4   generation
 * 12  4   page size (index only; 0 = not known yet)
 * 16  16  volume id
 * 32  8   size of the state (index only)
 * 40  8   number of entries (index only)
 * 48  8   position at which the log begins (index only)
 * 56  4   0
 * 60  4   checksum of 0 … 60
 * ```
 */
import {
  ByteReader,
  ByteWriter,
  equalBytes,
  GraftError,
  gidBytes,
  invariant,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import { corruptFile } from "./corrupt-file.ts";
import { xxh32Of } from "./xxh32.ts";

export const FILE_HEADER_SIZE = 64;
const CHECKSUM_OFFSET = 60;
const MAGIC = Uint8Array.of(0x47, 0x52, 0x46, 0x54);
const FORMAT_VERSION = 3;
/** From here on commits carry what they read and their replay, and may be carried over. */
export const FORMAT_VERSION_NOTES = 3;
/** What one process at a time wrote: without positions and without records of kinds 10 and 11. */
const FORMAT_VERSION_MIN = 1;
const KINDS = { index: 0x49, log: 0x4c } as const;

invariant(CHECKSUM_OFFSET + 4 === FILE_HEADER_SIZE, "the checksum closes the file header");

export interface FileHeader {
  readonly kind: keyof typeof KINDS;
  readonly generation: number;
  readonly volumeId: VolumeId;
  /** 0 = not known, or not said here. */
  readonly pageSize: number;
  readonly stateSize: number;
  readonly entryCount: number;
  /** Position of offset 0 of the log (docs/formats/local-store.md, "Positions"). */
  readonly start: number;
  readonly version: number;
  /** Whether the file is of the newest format, and its log may take any record. */
  readonly isCurrent: boolean;
}

export function encodeFileHeader(header: Omit<FileHeader, "isCurrent" | "version">): Uint8Array {
  const writer = new ByteWriter(FILE_HEADER_SIZE);
  writer.bytes(MAGIC).u8(KINDS[header.kind]).u8(FORMAT_VERSION).u16le(0);
  writer.u32le(header.generation).u32le(header.pageSize).bytes(gidBytes(header.volumeId));
  writer.u64le(BigInt(header.stateSize)).u64le(BigInt(header.entryCount));
  writer.u64le(BigInt(header.start));
  writer.bytes(new Uint8Array(CHECKSUM_OFFSET - writer.size));
  return writer.u32le(xxh32Of(writer.finish())).finish();
}

/**
 * @param path for the error
 * @throws GraftError `corrupt` · `invalid-argument`: a newer format, or another volume's file
 */
export function decodeFileHeader(
  bytes: Uint8Array,
  path: string,
  expected: Pick<FileHeader, "kind" | "generation" | "volumeId">,
): FileHeader {
  if (bytes.length < FILE_HEADER_SIZE) {
    throw corruptFile(
      path,
      0,
      `expected a header of ${FILE_HEADER_SIZE} bytes, got ${bytes.length}`,
    );
  }
  const reader = new ByteReader(bytes.subarray(0, FILE_HEADER_SIZE));
  if (!equalBytes(reader.bytes(4), MAGIC)) throw corruptFile(path, 0, `expected magic "GRFT"`);
  const kind = reader.u8();
  const version = reader.u8();
  mustKnowVersion(path, version);
  const checksum = new ByteReader(bytes.subarray(CHECKSUM_OFFSET)).u32le();
  if (checksum !== xxh32Of(bytes.subarray(0, CHECKSUM_OFFSET))) {
    throw corruptFile(path, 0, "the header fails its checksum");
  }
  if (kind !== KINDS[expected.kind])
    throw corruptFile(path, 4, `expected an ${expected.kind} file`);
  const zeros = reader.u16le();
  const generation = reader.u32le();
  const pageSize = reader.u32le();
  mustBeVolume(path, reader.bytes(16), expected.volumeId);
  const stateSize = Number(reader.u64le());
  const entryCount = Number(reader.u64le());
  const start = Number(reader.u64le());
  if (zeros !== 0 || generation !== expected.generation) {
    throw corruptFile(path, 8, `expected generation ${expected.generation}, got ${generation}`);
  }
  return {
    kind: expected.kind,
    generation,
    volumeId: expected.volumeId,
    pageSize,
    stateSize,
    entryCount,
    start,
    version,
    isCurrent: version === FORMAT_VERSION,
  };
}

function mustKnowVersion(path: string, version: number): void {
  if (version >= FORMAT_VERSION_MIN && version <= FORMAT_VERSION) return;
  if (version < FORMAT_VERSION_MIN)
    throw corruptFile(path, 5, `format version ${version} never was`);
  throw new GraftError(
    "invalid-argument",
    `"${path}" has format version ${version}, this program knows up to ${FORMAT_VERSION}: use a ` +
      "newer program; nothing was changed",
    { details: { path, version } },
  );
}

function mustBeVolume(path: string, bytes: Uint8Array, expected: VolumeId): void {
  if (equalBytes(bytes, gidBytes(expected))) return;
  const actual = volumeIdText(path, bytes);
  throw new GraftError(
    "invalid-argument",
    `"${path}" belongs to volume ${actual}, not to ${expected}: name the right volume or directory`,
    { details: { path, expected, actual } },
  );
}

function volumeIdText(path: string, bytes: Uint8Array): VolumeId {
  try {
    return toVolumeId(bytes);
  } catch {
    throw corruptFile(path, 16, "it names no volume");
  }
}
