/**
 * The commit record, `volumes/<vid>/log/<lsn>`: the create-only PUT of its bytes is the commit.
 * `docs/formats/commit.md` has its fields, `commit-record-fault.ts` what makes one valid.
 */
import {
  type ClientId,
  COMMIT_FRAME_INDEX_SIZE_MAX,
  COMMIT_RECORD_SIZE_MAX,
  type CommitId,
  type Compute,
  GraftError,
  type Lsn,
  type PageCount,
  type PageSet,
  type PageSize,
  type Snapshot,
  type VolumeId,
} from "@graft/core";
import { Splinter, unionInto } from "@graft/splinter";
import { encodeCommitBody } from "./commit-body-encode.ts";
import { commitRecordFault } from "./commit-record-fault.ts";
import { encodeRecord, RECORD } from "./record.ts";
import type { Frame } from "./segment/frame.ts";
import type { SegmentRef } from "./segment/segment-ref.ts";
import { boundFrameIndexes } from "./segment/segment-ref-body.ts";
import type { TailIndex } from "./tail-index.ts";

/** Bytes of a SHA-256: of a record, or of a checkpoint root. */
export const RECORD_HASH_SIZE = 32;

/** One commit of a volume. */
export interface CommitRecord {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** Who made it. */
  readonly clientId: ClientId;
  /** Absent: committed through v0.1. */
  readonly commitId?: CommitId;
  /** max(the node's clock, the parent's timestamp), ms since 1970. */
  readonly timestampMs: number;
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /**
   * The least page count among the local commits folded into this one, below the page count.
   * Absent: the page count. Indexes above it that this commit does not hold read as zeros from
   * this LSN on.
   */
  readonly lowPageCount?: PageCount;
  /**
   * SHA-256 of the stored bytes of the record at lsn − 1, 32 bytes. Absent at LSN 1, and only
   * there.
   */
  readonly parentHash?: Uint8Array;
  /** The pages of all segments and inline frames share no index. */
  readonly segments: readonly SegmentRef[];
  /** Pages inside the record, ascending: at most 128 KiB uncompressed. */
  readonly inlineFrames: readonly InlineFrame[];
  /** The newest checkpoint when this was committed. Absent: none yet. */
  readonly checkpoint?: CheckpointRef;
  /** Absent: walk the log. */
  readonly tailIndex?: TailIndex;
  readonly metadata?: CommitMetadata;
}

/** A frame that travels inside the record. */
export type InlineFrame = Frame;

/** Names a checkpoint of the same volume. */
export interface CheckpointRef {
  readonly lsn: Lsn;
  /** SHA-256 of the stored bytes of its root, 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * What the application says about a commit: at most 4 KiB of UTF-8 together. Empty texts are left
 * out.
 */
export interface CommitMetadata {
  readonly message?: string;
  /** The application's own name of the transaction. */
  readonly appTransactionId?: string;
}

/**
 * The bytes to store. Frame indexes beyond 1 MiB are left to the segment footers.
 *
 * @throws GraftError `invalid-argument` when the record is not valid, `resource-exhausted` when
 *   it is over 16 MiB
 */
export function encodeCommitRecord(record: CommitRecord, compute: Compute): Uint8Array {
  const bounded = withBoundedFrameIndexes(record);
  const name = `commit ${record.lsn} of volume ${record.volumeId}`;
  const fault = commitRecordFault(bounded);
  if (fault !== undefined) throw new GraftError("invalid-argument", `invalid ${name}: ${fault}`);
  const body = encodeCommitBody(bounded);
  const size = body.reduce<number>((sum, piece) => sum + piece.length, RECORD.overhead);
  if (size > COMMIT_RECORD_SIZE_MAX) {
    throw new GraftError(
      "resource-exhausted",
      `${name} takes ${size} bytes, expected at most ${COMMIT_RECORD_SIZE_MAX}: split the push`,
      { details: { expected: COMMIT_RECORD_SIZE_MAX, actual: size } },
    );
  }
  return encodeRecord("commit", body, compute);
}

/** What the next record names as its parent: SHA-256 of the stored bytes. */
export function commitRecordHash(storedBytes: Uint8Array, compute: Compute): Uint8Array {
  return compute.sha256(storedBytes);
}

/** The pages a commit wrote, wherever they are. */
export interface CommitPages {
  readonly segments: readonly Pick<SegmentRef, "pageSet">[];
  readonly inlineFrames: readonly Pick<InlineFrame, "pageSet">[];
}

/** All pages the commit wrote, as a new set. */
export function commitPageSet(record: CommitPages): PageSet {
  const pages = new Splinter();
  for (const ref of record.segments) unionInto(pages, ref.pageSet);
  for (const frame of record.inlineFrames) unionInto(pages, frame.pageSet);
  return pages;
}

/** The least page count among the commits folded into this one. */
export function lowPageCountOf(
  record: Pick<CommitRecord, "pageCount" | "lowPageCount">,
): PageCount {
  return record.lowPageCount ?? record.pageCount;
}

/** The remote state that the commit made. */
export function snapshotOf(record: Omit<CommitRecord, "inlineFrames">): Snapshot {
  const { volumeId, lsn, pageCount, pageSize, clientId, commitId, timestampMs } = record;
  const snapshot = { volumeId, lsn, pageCount, pageSize, clientId, timestampMs };
  return commitId === undefined ? snapshot : { ...snapshot, commitId };
}

function withBoundedFrameIndexes(record: CommitRecord): CommitRecord {
  const segments = boundFrameIndexes(record.segments, COMMIT_FRAME_INDEX_SIZE_MAX).refs;
  if (record.tailIndex === undefined) return { ...record, segments };
  let left = COMMIT_FRAME_INDEX_SIZE_MAX;
  const commits = record.tailIndex.commits.map((commit) => {
    const bounded = boundFrameIndexes(commit.segments, left);
    left -= bounded.size;
    const isWhole = bounded.refs.every((ref, at) => ref === commit.segments[at]);
    return isWhole ? commit : { ...commit, segments: bounded.refs };
  });
  return { ...record, segments, tailIndex: { ...record.tailIndex, commits } };
}
