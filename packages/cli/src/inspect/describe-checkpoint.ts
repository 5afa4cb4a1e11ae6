import {
  ByteReader,
  type Compute,
  isGraftError,
  LSN_LAST,
  PAGE_INDEX_LAST,
  PAGE_SIZE_MAX,
  PAGE_SIZE_MIN,
  toPageIndex,
  toPageSize,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import {
  type CheckpointEntry,
  corrupt,
  decodeCheckpointBlock,
  decodeCheckpointRoot,
  peekRecord,
} from "@graft/format";
import { shrinkFacts } from "./describe-commit.ts";
import type { Facts, Inspection } from "./facts.ts";

/** Of a record: where its body's size is, and bytes around its body. */
const BODY_SIZE_OFFSET = 6;
const OVERHEAD = 18;

/** A checkpoint root. @throws GraftError `corrupt` */
export function describeCheckpointRoot(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
): Inspection {
  const root = decodeCheckpointRoot(bytes, compute, { objectName });
  const facts: Facts = {
    volume: root.volumeId,
    lsn: root.lsn,
    hash: compute.sha256(bytes),
    recordHash: root.recordHash,
    size: bytes.length,
    pageSize: root.pageSize,
    pageCount: root.pageCount,
    shrinks: shrinkFacts(root.shrinks),
    blocks: root.blocks.map((block) => ({ ...block })),
    segments: root.segments.map(({ segmentId, ownerVolumeId, size }) => ({
      segment: segmentId,
      owner: ownerVolumeId,
      size,
    })),
  };
  return { kind: "checkpoint root", facts, bytes };
}

/**
 * An object with checkpoint blocks: records, back to back. Which pages a block answers for is in
 * its root; here it is taken from its entries.
 *
 * @throws GraftError `corrupt`
 */
export function describeCheckpointBlocks(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
  volumeId?: VolumeId,
): Inspection {
  const blocks: Facts[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const record = recordAt(bytes, offset, objectName);
    const entries = entriesOf(record, `${objectName} at ${offset}`, compute, volumeId);
    const hash = compute.sha256(record);
    blocks.push({ offset, size: record.length, hash, entries: entries.map(entryFacts) });
    offset += record.length;
  }
  const facts: Facts = { size: bytes.length, blockCount: blocks.length, blocks };
  return { kind: "checkpoint blocks", facts, bytes };
}

function recordAt(bytes: Uint8Array, offset: number, objectName: string): Uint8Array {
  const rest = bytes.subarray(offset);
  if (rest.length < OVERHEAD || peekRecord(rest)?.kind !== "checkpoint-block") {
    throw corrupt(objectName, `expected a checkpoint-block record at offset ${offset}`);
  }
  const size = new ByteReader(rest.subarray(BODY_SIZE_OFFSET)).u32be() + OVERHEAD;
  if (size <= rest.length) return rest.subarray(0, size);
  throw corrupt(objectName, `the block at offset ${offset} ends after the object`);
}

/** The page size is in the root: here the first one that its frames fit is taken. */
function entriesOf(
  record: Uint8Array,
  objectName: string,
  compute: Compute,
  volumeId: VolumeId | undefined,
): readonly CheckpointEntry[] {
  const ref = { hash: compute.sha256(record) };
  const context = {
    volumeId: volumeId ?? unknownVolume(),
    lsn: LSN_LAST,
    firstPage: toPageIndex(1),
    lastPage: PAGE_INDEX_LAST,
    objectName,
  };
  let first: unknown;
  for (let size: number = PAGE_SIZE_MIN; size <= PAGE_SIZE_MAX; size *= 2) {
    try {
      const pageSize = toPageSize(size);
      return decodeCheckpointBlock(record, ref, { ...context, pageSize }, compute);
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      first ??= error;
    }
  }
  throw first;
}

function entryFacts(entry: CheckpointEntry): Facts {
  const { frame } = entry;
  return {
    lsn: entry.lsn,
    pages: entry.pageSet,
    segment: entry.segmentId,
    owner: entry.ownerVolumeId,
    firstPage: frame.firstPage,
    lastPage: frame.lastPage,
    offset: frame.offset,
    size: frame.size,
    codec: frame.codec,
    hash: frame.hash,
    framePages: frame.pageSet,
  };
}

/** An id that no entry names as owner: the greatest there is. */
function unknownVolume(): VolumeId {
  return toVolumeId(new Uint8Array(16).fill(0xff, 1).fill(0x80, 0, 1));
}
