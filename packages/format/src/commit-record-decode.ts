/** From stored bytes to a commit record: the inverse of `encodeCommitRecord`, total. */
import {
  COMMIT_SEGMENT_COUNT_MAX,
  type Compute,
  INLINE_PAGES_SIZE_MAX,
  type Lsn,
  PAGE_SIZE_MIN,
  type VolumeId,
} from "@graft/core";
import {
  type CommitBody,
  CommitBodySchema,
  type InlineFrame as InlineFrameBody,
} from "@graft/proto-gen/storage";
import { BodyFields } from "./body-fields.ts";
import { decodeBody } from "./body-message.ts";
import type { MessageLimits } from "./body-scan.ts";
import {
  type CheckpointRef,
  type CommitMetadata,
  type CommitRecord,
  type InlineFrame,
  RECORD_HASH_SIZE,
} from "./commit-record.ts";
import { commitRecordFault } from "./commit-record-fault.ts";
import { corrupt } from "./corrupt.ts";
import { decodeRecord } from "./record.ts";
import { decodeFrameCodec } from "./segment/frame-index.ts";
import { FRAME_HASH_SIZE } from "./segment/segment-ref.ts";
import { decodeSegmentRef, segmentRefLimits } from "./segment/segment-ref-body.ts";
import { decodeTailIndex, TAIL_INDEX_LIMITS } from "./tail-index.ts";

const COMMIT_LIMITS: MessageLimits = new Map([
  [10, segmentRefLimits(COMMIT_SEGMENT_COUNT_MAX)],
  // The least inline frame: a page set (11), a hash (18) and one byte of data (3).
  [11, { name: "inline_frames", countMax: INLINE_PAGES_SIZE_MAX / PAGE_SIZE_MIN, sizeMin: 32 }],
  [12, { name: "checkpoint", countMax: 1, sizeMin: 2 + 2 + RECORD_HASH_SIZE }],
  [13, TAIL_INDEX_LIMITS],
]);

/**
 * Reads a record. The data of inline frames are views of `bytes`; everything else is a copy.
 *
 * @param options.objectName which object it is, for errors: its key
 * @param options.volumeId when given, the record must be of this volume
 * @param options.lsn when given, the record must be at this LSN
 * @throws GraftError `corrupt`, naming the object and the failed condition
 */
export function decodeCommitRecord(
  bytes: Uint8Array,
  compute: Compute,
  options: { readonly objectName: string; readonly volumeId?: VolumeId; readonly lsn?: Lsn },
): CommitRecord {
  const { objectName } = options;
  const body = decodeRecord("commit", bytes, objectName, compute);
  const message = decodeBody(CommitBodySchema, body, COMMIT_LIMITS, objectName);
  const record = toCommitRecord(message, new BodyFields(objectName));
  if (options.volumeId !== undefined && record.volumeId !== options.volumeId) {
    throw corrupt(objectName, `expected volume ${options.volumeId}, got ${record.volumeId}`);
  }
  if (options.lsn !== undefined && record.lsn !== options.lsn) {
    throw corrupt(objectName, `expected LSN ${options.lsn}, got ${record.lsn}`);
  }
  const fault = commitRecordFault(record);
  if (fault !== undefined) throw corrupt(objectName, fault);
  return record;
}

function toCommitRecord(body: CommitBody, fields: BodyFields): CommitRecord {
  const { commitId, lowPageCount, parentHash, tailIndex } = body;
  const checkpoint = toCheckpointRef(body, fields);
  const metadata = toMetadata(body);
  return {
    volumeId: fields.volumeId(body.vid),
    lsn: fields.lsn(body.lsn),
    clientId: fields.clientId(body.cid),
    ...(commitId === undefined ? {} : { commitId: fields.commitId(commitId) }),
    timestampMs: fields.timestampMs(body.timestampMs, "timestamp"),
    pageSize: fields.pageSize(body.pageSize),
    pageCount: fields.pageCount(body.pageCount),
    ...(lowPageCount === undefined ? {} : { lowPageCount: fields.pageCount(lowPageCount) }),
    ...(parentHash === undefined
      ? {}
      : { parentHash: fields.hash(parentHash, RECORD_HASH_SIZE, "parent hash") }),
    segments: body.segments.map((ref) => decodeSegmentRef(ref, fields)),
    inlineFrames: body.inlineFrames.map((frame) => toInlineFrame(frame, fields)),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(tailIndex === undefined ? {} : { tailIndex: decodeTailIndex(tailIndex, fields) }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function toInlineFrame(body: InlineFrameBody, fields: BodyFields): InlineFrame {
  return {
    pageSet: fields.pageSet(body.pageSet, "page set of an inline frame"),
    codec: decodeFrameCodec(body.codec, fields),
    hash: fields.hash(body.hash, FRAME_HASH_SIZE, "inline frame hash"),
    data: body.data,
  };
}

function toCheckpointRef(body: CommitBody, fields: BodyFields): CheckpointRef | undefined {
  if (body.checkpoint === undefined) return undefined;
  const { lsn, hash } = body.checkpoint;
  return {
    lsn: fields.lsn(lsn),
    hash: fields.hash(hash, RECORD_HASH_SIZE, "checkpoint hash"),
  };
}

/** An empty text is not written: one that was reads as absent. */
function toMetadata(body: CommitBody): CommitMetadata | undefined {
  const { message, appTransactionId } = body;
  if (!message && !appTransactionId) return undefined;
  return {
    ...(message ? { message } : {}),
    ...(appTransactionId ? { appTransactionId } : {}),
  };
}
