import { create } from "@bufbuild/protobuf";
import { gidBytes, type LsnRange, toVolumeId, type VolumeId } from "@graft/core";
import {
  type PullCommitsRequest as PullCommitsRequestMessage,
  PullCommitsRequestSchema,
  type PullCommitsResponse as PullCommitsResponseMessage,
  PullCommitsResponseSchema,
} from "@graft/proto-gen/metastore";
import { fromCommit, toCommit, type WireCommit } from "./commit.ts";
import { fromLsnRange, toLsnRange } from "./lsn-range.ts";
import { readAnswer } from "./present.ts";

export interface PullCommitsRequest {
  readonly volumeId: VolumeId;
  readonly range: LsnRange;
  /** Ask for the stored records. One that does not fit the answer comes without. */
  readonly includeRecords: boolean;
}

export interface PullCommitsAnswer {
  /** Ascending by LSN, without gaps. */
  readonly commits: readonly WireCommit[];
  /** More commits of the range exist: ask again from the LSN after the last one. */
  readonly hasMore: boolean;
}

/** @throws GraftError `invalid-argument` */
export function toPullCommitsRequest(message: PullCommitsRequestMessage): PullCommitsRequest {
  return {
    volumeId: toVolumeId(message.vid),
    range: toLsnRange(message.range),
    includeRecords: message.includeRecords,
  };
}

export function fromPullCommitsRequest(request: PullCommitsRequest): PullCommitsRequestMessage {
  return create(PullCommitsRequestSchema, {
    vid: gidBytes(request.volumeId),
    range: fromLsnRange(request.range),
    includeRecords: request.includeRecords,
  });
}

/** @throws GraftError `internal` when malformed */
export function toPullCommitsAnswer(message: PullCommitsResponseMessage): PullCommitsAnswer {
  return readAnswer("PullCommits", () => ({
    commits: message.commits.map(toCommit),
    hasMore: message.hasMore,
  }));
}

export function fromPullCommitsAnswer(answer: PullCommitsAnswer): PullCommitsResponseMessage {
  return create(PullCommitsResponseSchema, {
    commits: answer.commits.map(fromCommit),
    hasMore: answer.hasMore,
  });
}
