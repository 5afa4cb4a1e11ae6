import { create } from "@bufbuild/protobuf";
import {
  type ClientId,
  COMMIT_SEGMENT_COUNT_MAX,
  type CommitId,
  GraftError,
  gidBytes,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type PageCount,
  type PageSize,
  type Snapshot,
  toClientId,
  toPageCount,
  toPageSize,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import {
  type CommitRequest as CommitRequestMessage,
  CommitRequestSchema,
  type CommitResponse as CommitResponseMessage,
  CommitResponseSchema,
} from "@graft/proto-gen/metastore";
import { fromLowPageCount, toLowPageCount } from "./commit.ts";
import { type CommitMetadata, fromCommitMetadata, toCommitMetadata } from "./commit-metadata.ts";
import { fromFrame, toFrame, type WireFrame } from "./frame.ts";
import { fromOptionalCommitId, toOptionalCommitId, toOptionalLsn } from "./ids.ts";
import { present, readAnswer } from "./present.ts";
import { fromSegmentInfo, type SegmentInfo, toSegmentInfo } from "./segment-info.ts";
import { fromSnapshot, toSnapshot } from "./snapshot.ts";

/** One commit to append. */
export interface CommitRequest {
  readonly volumeId: VolumeId;
  readonly clientId: ClientId;
  /** The LSN this commit continues. Absent: the volume has no commit yet. */
  readonly baseLsn?: Lsn;
  readonly pageCount: PageCount;
  /** At most `pageCount`, and equal to it in a commit that folded no shrink. */
  readonly lowPageCount: PageCount;
  readonly pageSize: PageSize;
  readonly segments: readonly SegmentInfo[];
  readonly inlineFrames: readonly WireFrame[];
  /** Absent (v0.1): compared by content. */
  readonly commitId?: CommitId;
  readonly metadata?: CommitMetadata;
}

export interface CommitAnswer {
  readonly snapshot: Snapshot;
  /** True when this commit had landed before. */
  readonly replayed: boolean;
}

/** @throws GraftError `invalid-argument` */
export function toCommitRequest(message: CommitRequestMessage): CommitRequest {
  if (message.segments.length > COMMIT_SEGMENT_COUNT_MAX) {
    throw new GraftError(
      "invalid-argument",
      `commit names ${message.segments.length} segments: expected at most ${COMMIT_SEGMENT_COUNT_MAX}`,
    );
  }
  const pageCount = toPageCount(message.pageCount);
  return present({
    volumeId: toVolumeId(message.vid),
    clientId: toClientId(message.cid),
    baseLsn: toOptionalLsn(message.snapshotLsn),
    pageCount,
    lowPageCount: toLowPageCount(message.lowPageCount, pageCount),
    pageSize: toPageSize(message.pageSize ?? PAGE_SIZE_DEFAULT),
    segments: message.segments.map(toSegmentInfo),
    inlineFrames: message.inlineFrames.map(toFrame),
    commitId: toOptionalCommitId(message.commitId),
    metadata: toCommitMetadata(message.metadata),
  });
}

export function fromCommitRequest(request: CommitRequest): CommitRequestMessage {
  return create(CommitRequestSchema, {
    vid: gidBytes(request.volumeId),
    cid: gidBytes(request.clientId),
    snapshotLsn: request.baseLsn,
    pageCount: request.pageCount,
    lowPageCount: fromLowPageCount(request.lowPageCount, request.pageCount),
    pageSize: request.pageSize,
    segments: request.segments.map(fromSegmentInfo),
    inlineFrames: request.inlineFrames.map(fromFrame),
    commitId: fromOptionalCommitId(request.commitId),
    metadata: fromCommitMetadata(request.metadata),
  });
}

/** @throws GraftError `internal` when malformed: the outcome of the commit is then unknown */
export function toCommitAnswer(message: CommitResponseMessage): CommitAnswer {
  return readAnswer("Commit", () => ({
    snapshot: toSnapshot(message.snapshot),
    replayed: message.replayed,
  }));
}

export function fromCommitAnswer(answer: CommitAnswer, checkpointLsn?: Lsn): CommitResponseMessage {
  return create(CommitResponseSchema, {
    snapshot: fromSnapshot(answer.snapshot, checkpointLsn),
    replayed: answer.replayed,
  });
}
