/**
 * A block of a checkpoint: which commit wrote which pages last, and which frame holds them. A
 * record of at most 64 KiB, in an object that may hold many. It does not name its volume: the
 * root names it by hash. Valid when
 *
 * 1. its entries ascend by first page and share no page;
 * 2. every page lies in the range that the root says the block answers for;
 * 3. every entry's pages are among its frame's, and the frame is well formed;
 * 4. no entry has an LSN above the root's.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Compute,
  encodePageSet,
  equalBytes,
  GraftError,
  gidBytes,
  invariant,
  type Lsn,
  type PageIndex,
  type PageSet,
  type PageSize,
  SEGMENT_SIZE_MAX,
  type SegmentId,
  toPageCount,
  type VolumeId,
} from "@graft/core";
import {
  CheckpointBlockBodySchema,
  type CheckpointEntry as CheckpointEntryBody,
  type CheckpointEntrySchema,
} from "@graft/proto-gen/storage";
import { BodyFields } from "../body-fields.ts";
import { decodeBody } from "../body-message.ts";
import type { MessageLimits } from "../body-scan.ts";
import { corrupt } from "../corrupt.ts";
import { PageTally } from "../page-tally.ts";
import { decodeRecord, encodeRecord, RECORD, RECORD_KINDS } from "../record.ts";
import {
  decodeFrameEntry,
  encodeFrameEntry,
  FRAME_ENTRY_SIZE_MIN,
  frameIndexFault,
} from "../segment/frame-index.ts";
import type { FrameEntry } from "../segment/segment-ref.ts";
import type { CheckpointBlockRef } from "./checkpoint-root.ts";

/** Pages that one frame holds and one commit wrote last. */
export interface CheckpointEntry {
  /** The LSN that last wrote these pages. */
  readonly lsn: Lsn;
  readonly pageSet: PageSet;
  /** The segment that holds them. */
  readonly segmentId: SegmentId;
  /** Absent: the volume of the checkpoint. */
  readonly ownerVolumeId?: VolumeId;
  /**
   * Its page set is there when the frame holds other pages too: ask `framePageSet(entry,
   * entry.frame)`.
   */
  readonly frame: FrameEntry;
}

/** What a block is checked against: what its root says of it. */
export interface CheckpointBlockContext {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  readonly pageSize: PageSize;
  readonly firstPage: PageIndex;
  readonly lastPage: PageIndex;
}

// An LSN (2), a page set (11), an id (18), a frame with tag and size.
const ENTRY_SIZE_MIN = 31 + 2 + FRAME_ENTRY_SIZE_MIN;
const BLOCK_LIMITS: MessageLimits = new Map([
  [
    1,
    {
      name: "entries",
      countMax: 2048,
      sizeMin: ENTRY_SIZE_MIN,
      fields: new Map([[5, { name: "frame", countMax: 1, sizeMin: FRAME_ENTRY_SIZE_MIN }]]),
    },
  ],
]);

/**
 * The bytes to store.
 *
 * @throws GraftError `invalid-argument` when they are not valid, `resource-exhausted` when they
 *   take more than 64 KiB: split them
 */
export function encodeCheckpointBlock(
  entries: readonly CheckpointEntry[],
  context: CheckpointBlockContext,
  compute: Compute,
): Uint8Array {
  const name = `checkpoint block of pages ${context.firstPage} … ${context.lastPage}`;
  const fault = checkpointBlockFault(entries, context);
  if (fault !== undefined) throw new GraftError("invalid-argument", `invalid ${name}: ${fault}`);
  const body = create(CheckpointBlockBodySchema, { entries: entries.map(encodeEntry) });
  const bytes = toBinary(CheckpointBlockBodySchema, body);
  const { sizeMax } = RECORD_KINDS["checkpoint-block"];
  if (RECORD.overhead + bytes.length > sizeMax) {
    const actual = RECORD.overhead + bytes.length;
    const message = `${name} takes ${actual} bytes, expected at most ${sizeMax}: split it`;
    throw new GraftError("resource-exhausted", message, { details: { expected: sizeMax, actual } });
  }
  return encodeRecord("checkpoint-block", bytes, compute);
}

/**
 * @param bytes the record alone
 * @param objectName the object it came from, for errors: its key
 * @throws GraftError `corrupt`, naming the object and the failed condition
 */
export function decodeCheckpointBlock(
  bytes: Uint8Array,
  ref: Pick<CheckpointBlockRef, "hash" | "newestLsn">,
  context: CheckpointBlockContext & { readonly objectName: string },
  compute: Compute,
): readonly CheckpointEntry[] {
  const { objectName } = context;
  const stored = decodeRecord("checkpoint-block", bytes, objectName, compute);
  if (!equalBytes(compute.sha256(bytes), ref.hash)) {
    throw corrupt(objectName, "a block is not the one that its root names");
  }
  const fields = new BodyFields(objectName);
  const body = decodeBody(CheckpointBlockBodySchema, stored, BLOCK_LIMITS, objectName);
  const entries = body.entries.map((entry) => decodeEntry(entry, fields));
  const fault = checkpointBlockFault(entries, context);
  if (fault !== undefined) throw corrupt(objectName, fault);
  const newest = newestLsnOf(entries);
  if (ref.newestLsn !== undefined && ref.newestLsn !== newest) {
    throw corrupt(objectName, `its newest LSN is ${newest}, its root says ${ref.newestLsn}`);
  }
  return entries;
}

/** The LSN of the commit that wrote one of these pages last. At least one entry. */
export function newestLsnOf(entries: readonly CheckpointEntry[]): Lsn {
  const [first, ...others] = entries;
  invariant(first !== undefined, "a block has an entry");
  let newest = first.lsn;
  for (const { lsn } of others) if (lsn > newest) newest = lsn;
  return newest;
}

function checkpointBlockFault(
  entries: readonly CheckpointEntry[],
  context: CheckpointBlockContext,
): string | undefined {
  const tally = new PageTally();
  let previous = 0;
  if (entries.length === 0) return "it has no entry";
  for (const entry of entries) {
    const first = entry.pageSet.first ?? 0;
    const name = `entry of page ${first}`;
    if (first <= previous) return `${name}: it does not ascend from page ${previous}`;
    previous = first;
    if (first < context.firstPage) return `${name}: it is below page ${context.firstPage}`;
    if (entry.lsn > context.lsn) return `${name}: LSN ${entry.lsn} is above ${context.lsn}`;
    if (entry.ownerVolumeId === context.volumeId)
      return `${name}: it names its own volume as owner`;
    const { pageSet, frame } = entry;
    const fault =
      frameIndexFault({ pageSet, frames: [frame], size: SEGMENT_SIZE_MAX }, context.pageSize) ??
      tally.add(pageSet, toPageCount(context.lastPage));
    if (fault !== undefined) return `${name}: ${fault}`;
  }
  return undefined;
}

function encodeEntry(entry: CheckpointEntry): MessageInitShape<typeof CheckpointEntrySchema> {
  const { pageSet: framePageSet, ...frame } = entry.frame;
  return {
    lsn: entry.lsn,
    pageSet: encodePageSet(entry.pageSet),
    sid: gidBytes(entry.segmentId),
    ...(entry.ownerVolumeId === undefined ? {} : { ownerVid: gidBytes(entry.ownerVolumeId) }),
    frame: encodeFrameEntry(frame),
    ...(framePageSet === undefined ? {} : { framePageSet: encodePageSet(framePageSet) }),
  };
}

function decodeEntry(body: CheckpointEntryBody, fields: BodyFields): CheckpointEntry {
  if (body.frame === undefined) throw corrupt(fields.objectName, "an entry has no frame");
  if (body.frame.pageSet !== undefined) {
    throw corrupt(fields.objectName, "the frame of an entry has a page set of its own");
  }
  const frame = decodeFrameEntry(body.frame, fields);
  const hasOthers = body.framePageSet.length > 0;
  return {
    lsn: fields.lsn(body.lsn),
    pageSet: fields.pageSet(body.pageSet, "page set of an entry"),
    segmentId: fields.segmentId(body.sid),
    ...(body.ownerVid === undefined ? {} : { ownerVolumeId: fields.volumeId(body.ownerVid) }),
    frame: hasOthers
      ? { ...frame, pageSet: fields.pageSet(body.framePageSet, "page set of a frame") }
      : frame,
  };
}
