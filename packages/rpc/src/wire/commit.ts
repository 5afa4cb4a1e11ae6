import { create } from "@bufbuild/protobuf";
import {
  GraftError,
  type Lsn,
  type PageCount,
  type PageSet,
  type Snapshot,
  toLsn,
  toPageCount,
} from "@graft/core";
import { type Commit as CommitMessage, CommitSchema } from "@graft/proto-gen/common";
import { type CommitMetadata, fromCommitMetadata, toCommitMetadata } from "./commit-metadata.ts";
import { fromOptionalPageSet, toOptionalPageSet } from "./page-set.ts";
import { present } from "./present.ts";
import { fromSegmentInfo, type SegmentInfo, toSegmentInfo } from "./segment-info.ts";
import { fromSnapshot, toSnapshot } from "./snapshot.ts";

/** A commit as `PullCommits` answers it. */
export interface WireCommit {
  readonly snapshot: Snapshot;
  readonly segments: readonly SegmentInfo[];
  /**
   * Least page count among the local commits folded into this one; the page count when none was
   * below.
   */
  readonly lowPageCount: PageCount;
  /** Pages that travel inside the record. */
  readonly inlinePageSet?: PageSet;
  readonly metadata?: CommitMetadata;
  /** The stored record, byte for byte; absent in the short form. */
  readonly record?: Uint8Array;
  /** LSN of the newest checkpoint when this was committed, 2 and up. Absent: none. */
  readonly checkpointLsn?: Lsn;
}

/** @throws GraftError `invalid-argument` */
export function toCommit(message: CommitMessage): WireCommit {
  const snapshot = toSnapshot(message.snapshot);
  return present({
    snapshot,
    segments: message.segments.map(toSegmentInfo),
    lowPageCount: toLowPageCount(message.lowPageCount, snapshot.pageCount),
    inlinePageSet: toOptionalPageSet(message.inlineGraft),
    metadata: toCommitMetadata(message.metadata),
    record: message.record,
    checkpointLsn: toCheckpointLsn(message.snapshot?.checkpointLsn),
  });
}

export function fromCommit(commit: WireCommit): CommitMessage {
  return create(CommitSchema, {
    snapshot: fromSnapshot(commit.snapshot, commit.checkpointLsn),
    segments: commit.segments.map(fromSegmentInfo),
    lowPageCount: fromLowPageCount(commit.lowPageCount, commit.snapshot.pageCount),
    inlineGraft: fromOptionalPageSet(commit.inlinePageSet),
    metadata: fromCommitMetadata(commit.metadata),
    record: commit.record,
  });
}

/** Absent is the page count. @throws GraftError `invalid-argument` above the page count */
export function toLowPageCount(low: number | undefined, pageCount: PageCount): PageCount {
  if (low === undefined) return pageCount;
  if (low > pageCount) {
    throw new GraftError(
      "invalid-argument",
      `low page count ${low} is above the page count ${pageCount}: expected at most that`,
    );
  }
  return toPageCount(low);
}

/** The page count is sent as absent: the common case costs nothing. */
export function fromLowPageCount(low: PageCount, pageCount: PageCount): number | undefined {
  return low === pageCount ? undefined : low;
}

/** v0.1 writes 1 where there is no checkpoint; 0 is an absent field. */
function toCheckpointLsn(lsn: bigint | undefined): Lsn | undefined {
  return lsn === undefined || lsn <= 1n ? undefined : toLsn(lsn);
}
