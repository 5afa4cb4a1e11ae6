/**
 * The root of a checkpoint, `volumes/<vid>/checkpoints/<lsn>`: the complete page map of a volume
 * at one LSN, as a list of blocks. A page that no block holds was never written, and reads as
 * zeros. Valid when
 *
 * 1. its blocks ascend by page and do not overlap, the last page at most the page count;
 * 2. each is named by a checkpoint at or below this LSN, holds nothing newer than that, and takes
 *    at most 64 KiB;
 * 3. its shrinks ascend in both fields, up to its LSN, at most 256;
 * 4. its segments ascend by id, none twice, none over 32 MiB.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Compute,
  GraftError,
  gidBytes,
  type Lsn,
  type PageCount,
  type PageIndex,
  type PageSize,
  parseLsnHex,
  SEGMENT_SIZE_MAX,
  type SegmentId,
  type VolumeId,
} from "@graft/core";
import { type CheckpointRootBody, CheckpointRootBodySchema } from "@graft/proto-gen/storage";
import { BodyFields } from "../body-fields.ts";
import { decodeBody } from "../body-message.ts";
import type { MessageLimits } from "../body-scan.ts";
import { corrupt } from "../corrupt.ts";
import { isCheckpointBlocksName } from "../object-keys.ts";
import { decodeRecord, encodeRecord, RECORD, RECORD_KINDS } from "../record.ts";
import { SEGMENT_SIZE_MIN } from "../segment/segment-layout.ts";
import { decodeShrink, SHRINKS_LIMITS, type Shrink, shrinkListFault } from "../shrink-list.ts";

/** The page map of a volume at one LSN. */
export interface CheckpointRoot {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** SHA-256 of the stored bytes of the commit record at this LSN, 32 bytes. */
  readonly recordHash: Uint8Array;
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  readonly blocks: readonly CheckpointBlockRef[];
  readonly shrinks: readonly Shrink[];
  /** Every segment that an entry of a block names, ascending by id. */
  readonly segments: readonly CheckpointSegment[];
}

/** Where a block is, perhaps among those of an older checkpoint. */
export interface CheckpointBlockRef {
  /** The block answers for the pages from `firstPage` to `lastPage`. */
  readonly firstPage: PageIndex;
  readonly lastPage: PageIndex;
  /** The object that holds it: see `checkpointBlocksKey`. */
  readonly object: string;
  /** Bytes from the start of the object. */
  readonly offset: number;
  /** Bytes as stored. */
  readonly size: number;
  /** SHA-256 of the stored bytes of the block, 32 bytes. */
  readonly hash: Uint8Array;
  /**
   * The newest LSN of its entries. Absent: at most that of the checkpoint that named the object.
   */
  readonly newestLsn?: Lsn;
}

/** A segment that the checkpoint needs. */
export interface CheckpointSegment {
  readonly segmentId: SegmentId;
  /** Absent: the volume of the checkpoint. */
  readonly ownerVolumeId?: VolumeId;
  /** Of the whole object, bytes. */
  readonly size: number;
}

const HASH_SIZE = 32;
const ROOT_LIMITS: MessageLimits = new Map([
  // Two pages (4), an object name (35), a size (2), a hash (34).
  [6, { name: "blocks", countMax: 1 << 19, sizeMin: 75 }],
  [7, SHRINKS_LIMITS],
  // An id (18) and a size (2).
  [8, { name: "segments", countMax: 1 << 20, sizeMin: 20 }],
]);

/**
 * The bytes to store.
 *
 * @throws GraftError `invalid-argument` when the root is not valid, `resource-exhausted` when it
 *   is over 32 MiB
 */
export function encodeCheckpointRoot(root: CheckpointRoot, compute: Compute): Uint8Array {
  const name = `checkpoint ${root.lsn} of volume ${root.volumeId}`;
  const fault = checkpointRootFault(root);
  if (fault !== undefined) throw new GraftError("invalid-argument", `invalid ${name}: ${fault}`);
  const body = create(CheckpointRootBodySchema, {
    vid: gidBytes(root.volumeId),
    lsn: root.lsn,
    recordHash: root.recordHash,
    pageSize: root.pageSize,
    pageCount: root.pageCount,
    blocks: root.blocks.map((block) => ({ ...block, offset: BigInt(block.offset) })),
    shrinks: [...root.shrinks],
    segments: root.segments.map(({ segmentId, ownerVolumeId, size }) => ({
      sid: gidBytes(segmentId),
      ...(ownerVolumeId === undefined ? {} : { ownerVid: gidBytes(ownerVolumeId) }),
      size: BigInt(size),
    })),
  });
  const bytes = toBinary(CheckpointRootBodySchema, body);
  const { sizeMax } = RECORD_KINDS["checkpoint-root"];
  if (RECORD.overhead + bytes.length > sizeMax) {
    const actual = RECORD.overhead + bytes.length;
    const message = `${name} takes ${actual} bytes, expected at most ${sizeMax}`;
    throw new GraftError("resource-exhausted", message, { details: { expected: sizeMax, actual } });
  }
  return encodeRecord("checkpoint-root", bytes, compute);
}

/**
 * @param options.objectName which object it is, for errors: its key
 * @throws GraftError `corrupt`, naming the object and the failed condition
 */
export function decodeCheckpointRoot(
  bytes: Uint8Array,
  compute: Compute,
  options: { readonly objectName: string; readonly volumeId?: VolumeId; readonly lsn?: Lsn },
): CheckpointRoot {
  const { objectName } = options;
  const stored = decodeRecord("checkpoint-root", bytes, objectName, compute);
  const body = decodeBody(CheckpointRootBodySchema, stored, ROOT_LIMITS, objectName);
  const root = toCheckpointRoot(body, new BodyFields(objectName));
  if (options.volumeId !== undefined && root.volumeId !== options.volumeId) {
    throw corrupt(objectName, `expected volume ${options.volumeId}, got ${root.volumeId}`);
  }
  if (options.lsn !== undefined && root.lsn !== options.lsn) {
    throw corrupt(objectName, `expected LSN ${options.lsn}, got ${root.lsn}`);
  }
  const fault = checkpointRootFault(root);
  if (fault !== undefined) throw corrupt(objectName, fault);
  return root;
}

function toCheckpointRoot(body: CheckpointRootBody, fields: BodyFields): CheckpointRoot {
  return {
    volumeId: fields.volumeId(body.vid),
    lsn: fields.lsn(body.lsn),
    recordHash: fields.hash(body.recordHash, HASH_SIZE, "record hash"),
    pageSize: fields.pageSize(body.pageSize),
    pageCount: fields.pageCount(body.pageCount),
    blocks: body.blocks.map((block) => ({
      firstPage: fields.pageIndex(block.firstPage),
      lastPage: fields.pageIndex(block.lastPage),
      object: block.object,
      offset: fields.bytesCount(block.offset, Number.MAX_SAFE_INTEGER, "block offset"),
      size: block.size,
      hash: fields.hash(block.hash, HASH_SIZE, "block hash"),
      ...(block.newestLsn === undefined ? {} : { newestLsn: fields.lsn(block.newestLsn) }),
    })),
    shrinks: body.shrinks.map((shrink) => decodeShrink(shrink, fields)),
    segments: body.segments.map(({ sid, ownerVid, size }) => ({
      segmentId: fields.segmentId(sid),
      ...(ownerVid === undefined ? {} : { ownerVolumeId: fields.volumeId(ownerVid) }),
      size: fields.bytesCount(size, SEGMENT_SIZE_MAX, "segment size"),
    })),
  };
}

function checkpointRootFault(root: CheckpointRoot): string | undefined {
  if (root.recordHash.length !== HASH_SIZE) return "its record hash has not 32 bytes";
  return (
    blocksFault(root) ??
    shrinkListFault(root.shrinks, { after: undefined, last: root.lsn }) ??
    segmentsFault(root)
  );
}

function blocksFault(root: CheckpointRoot): string | undefined {
  const { sizeMax } = RECORD_KINDS["checkpoint-block"];
  let previous = 0;
  for (const block of root.blocks) {
    const name = `block of pages ${block.firstPage} … ${block.lastPage}`;
    if (block.firstPage <= previous) return `${name}: it does not ascend from page ${previous}`;
    if (block.lastPage < block.firstPage) return `${name}: it ends before it begins`;
    previous = block.lastPage;
    if (!isCheckpointBlocksName(block.object)) {
      return `${name}: "${block.object}" names no object with blocks`;
    }
    const objectLsn = parseLsnHex(block.object.slice(0, 16));
    if (objectLsn > root.lsn) {
      return `${name}: ${block.object} is of a checkpoint above LSN ${root.lsn}`;
    }
    if (block.newestLsn !== undefined && block.newestLsn > objectLsn) {
      return `${name}: its newest LSN ${block.newestLsn} is above that of ${block.object}`;
    }
    if (block.size <= RECORD.overhead || block.size > sizeMax) {
      return `${name}: expected ${RECORD.overhead + 1} … ${sizeMax} bytes, got ${block.size}`;
    }
    if (block.hash.length !== HASH_SIZE) return `${name}: its hash has not 32 bytes`;
  }
  if (previous <= root.pageCount) return undefined;
  return `page ${previous} is above the page count ${root.pageCount}`;
}

function segmentsFault(root: CheckpointRoot): string | undefined {
  let previous = "";
  for (const { segmentId, ownerVolumeId, size } of root.segments) {
    const name = `segment ${segmentId}`;
    if (segmentId <= previous) return `${name}: it does not ascend`;
    previous = segmentId;
    if (ownerVolumeId === root.volumeId) return `${name}: it names its own volume as owner`;
    if (size < SEGMENT_SIZE_MIN || size > SEGMENT_SIZE_MAX) {
      return `${name}: expected ${SEGMENT_SIZE_MIN} … ${SEGMENT_SIZE_MAX} bytes, got ${size}`;
    }
  }
  return undefined;
}
