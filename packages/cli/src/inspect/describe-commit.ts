import type { Compute } from "@graft/core";
import {
  type CommitRecord,
  commitPageSet,
  commitRecordHash,
  decodeCommitRecord,
  type InlineFrame,
  type SegmentRef,
  type Shrink,
  type TailIndex,
} from "@graft/format";
import type { Facts, Inspection } from "./facts.ts";
import { frameFault } from "./frame-fault.ts";

/** A commit record. @throws GraftError `corrupt` */
export async function describeCommit(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
): Promise<Inspection> {
  const record = decodeCommitRecord(bytes, compute, { objectName });
  const { metadata, tailIndex } = record;
  const inlineFrames: Facts[] = [];
  for (const [at, frame] of record.inlineFrames.entries()) {
    inlineFrames.push({ frame: at, ...(await inlineFrameFacts(frame, record, compute)) });
  }
  const facts: Facts = {
    volume: record.volumeId,
    lsn: record.lsn,
    hash: commitRecordHash(bytes, compute),
    parentHash: record.parentHash,
    size: bytes.length,
    at: new Date(record.timestampMs).toISOString(),
    client: record.clientId,
    commitId: record.commitId,
    message: metadata?.message,
    appTransactionId: metadata?.appTransactionId,
    pageSize: record.pageSize,
    pageCount: record.pageCount,
    lowPageCount: record.lowPageCount,
    changedPages: commitPageSet(record),
    checkpoint:
      record.checkpoint === undefined
        ? undefined
        : { lsn: record.checkpoint.lsn, hash: record.checkpoint.hash },
    segments: record.segments.map(segmentFacts),
    inlineFrames,
    tailIndex: tailIndex === undefined ? undefined : tailIndexFacts(tailIndex),
  };
  return { kind: "commit", facts, bytes };
}

/** A segment as a commit or a tail index names it. */
export function segmentFacts(ref: SegmentRef): Facts {
  return {
    segment: ref.segmentId,
    owner: ref.ownerVolumeId,
    size: ref.size,
    pages: ref.pageSet,
    frames: ref.frames.map((entry, frame) => ({
      frame,
      firstPage: entry.firstPage,
      lastPage: entry.lastPage,
      offset: entry.offset,
      size: entry.size,
      codec: entry.codec,
      hash: entry.hash,
      pages: entry.pageSet,
    })),
  };
}

export function shrinkFacts(shrinks: readonly Shrink[]): readonly Facts[] {
  return shrinks.map(({ lsn, lowPageCount }) => ({ lsn, lowPageCount }));
}

async function inlineFrameFacts(
  frame: InlineFrame,
  { volumeId, pageSize }: CommitRecord,
  compute: Compute,
): Promise<Facts> {
  const fault = await frameFault(frame, { volumeId, pageSize }, compute);
  return {
    pages: frame.pageSet,
    size: frame.data.length,
    codec: frame.codec,
    hash: frame.hash,
    content: fault ?? "verified",
  };
}

function tailIndexFacts({ commits, shrinks }: TailIndex): Facts {
  return {
    commits: commits.map((commit) => ({
      lsn: commit.lsn,
      inlinePages: commit.inlinePageSet,
      segments: commit.segments.map(segmentFacts),
    })),
    shrinks: shrinkFacts(shrinks),
  };
}
