/**
 * The body of a commit record, in pieces: their concatenation is what a protobuf encoder writes for
 * `CommitBody`, field by field in the order of their numbers. A record is encoded for every commit:
 * the data of its pages and the tail index, nearly its parent's, are not copied on the way.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { commitIdBytes, encodePageSet, gidBytes } from "@graft/core";
import { CommitBodySchema } from "@graft/proto-gen/storage";
import type { CommitRecord, InlineFrame } from "./commit-record.ts";
import { encodeFrameCodec } from "./segment/frame-index.ts";
import { encodeSegmentRef } from "./segment/segment-ref-body.ts";
import { encodeTailIndex } from "./tail-index.ts";

/** Numbers of the fields of a body, and of an inline frame. */
const BODY = {
  vid: 1,
  lsn: 2,
  cid: 3,
  commitId: 4,
  timestampMs: 5,
  pageSize: 6,
  pageCount: 7,
  lowPageCount: 8,
  parentHash: 9,
  inlineFrames: 11,
  checkpoint: 12,
  message: 14,
  appTransactionId: 15,
};
const FRAME = { pageSet: 1, codec: 2, hash: 3, data: 4 };
const CHECKPOINT = { lsn: 1, hash: 2 };

/** A valid record's body. Some pieces are shared with other records: do not write to them. */
export function encodeCommitBody(record: CommitRecord): readonly Uint8Array[] {
  const { segments, inlineFrames, tailIndex } = record;
  const pieces: Uint8Array[] = [];
  const writer = new BinaryWriter();
  writeHead(record, writer);
  if (segments.length > 0) {
    const body = create(CommitBodySchema, { segments: segments.map(encodeSegmentRef) });
    writer.raw(toBinary(CommitBodySchema, body));
  }
  for (const frame of inlineFrames) {
    writeFrame(frame, writer);
    pieces.push(writer.finish(), frame.data);
  }
  writeCheckpoint(record, writer);
  pieces.push(writer.finish());
  if (tailIndex !== undefined) pieces.push(...encodeTailIndex(tailIndex));
  const { message, appTransactionId } = record.metadata ?? {};
  if (message) writer.tag(BODY.message, WireType.LengthDelimited).string(message);
  if (appTransactionId) {
    writer.tag(BODY.appTransactionId, WireType.LengthDelimited).string(appTransactionId);
  }
  pieces.push(writer.finish());
  return pieces;
}

function writeHead(record: CommitRecord, writer: BinaryWriter): void {
  const { commitId, timestampMs, pageCount, lowPageCount, parentHash } = record;
  writer.tag(BODY.vid, WireType.LengthDelimited).bytes(gidBytes(record.volumeId));
  writer.tag(BODY.lsn, WireType.Varint).uint64(record.lsn);
  writer.tag(BODY.cid, WireType.LengthDelimited).bytes(gidBytes(record.clientId));
  if (commitId !== undefined) {
    writer.tag(BODY.commitId, WireType.LengthDelimited).bytes(commitIdBytes(commitId));
  }
  // A field without presence is left out when it is zero.
  if (timestampMs !== 0) writer.tag(BODY.timestampMs, WireType.Varint).uint64(timestampMs);
  writer.tag(BODY.pageSize, WireType.Varint).uint32(record.pageSize);
  if (pageCount !== 0) writer.tag(BODY.pageCount, WireType.Varint).uint32(pageCount);
  if (lowPageCount !== undefined) {
    writer.tag(BODY.lowPageCount, WireType.Varint).uint32(lowPageCount);
  }
  if (parentHash !== undefined) {
    writer.tag(BODY.parentHash, WireType.LengthDelimited).bytes(parentHash);
  }
}

/** Up to its data, which are its last field, and not empty. */
function writeFrame(frame: InlineFrame, writer: BinaryWriter): void {
  const { hash, data } = frame;
  const codec = encodeFrameCodec(frame.codec);
  const fields = new BinaryWriter();
  fields.tag(FRAME.pageSet, WireType.LengthDelimited).bytes(encodePageSet(frame.pageSet));
  if (codec !== 0) fields.tag(FRAME.codec, WireType.Varint).uint32(codec);
  fields.tag(FRAME.hash, WireType.LengthDelimited).bytes(hash);
  fields.tag(FRAME.data, WireType.LengthDelimited).uint32(data.length);
  const head = fields.finish();
  writer.tag(BODY.inlineFrames, WireType.LengthDelimited).uint32(head.length + data.length);
  writer.raw(head);
}

function writeCheckpoint({ checkpoint }: CommitRecord, writer: BinaryWriter): void {
  if (checkpoint === undefined) return;
  writer.tag(BODY.checkpoint, WireType.LengthDelimited).fork();
  writer.tag(CHECKPOINT.lsn, WireType.Varint).uint64(checkpoint.lsn);
  writer.tag(CHECKPOINT.hash, WireType.LengthDelimited).bytes(checkpoint.hash).join();
}
