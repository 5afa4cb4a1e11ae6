import { create } from "@bufbuild/protobuf";
import {
  gidBytes,
  type Lsn,
  type LsnRange,
  type PageSet,
  type Snapshot,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import {
  type PullGraftRequest as PullGraftRequestMessage,
  PullGraftRequestSchema,
  type PullGraftResponse as PullGraftResponseMessage,
  PullGraftResponseSchema,
} from "@graft/proto-gen/metastore";
import { fromLsnRange, toLsnRange } from "./lsn-range.ts";
import { fromPageSet, toPageSet } from "./page-set.ts";
import { present, readAnswer } from "./present.ts";
import { fromSnapshot, toSnapshot } from "./snapshot.ts";

export interface PullGraftRequest {
  readonly volumeId: VolumeId;
  /** Without an end: to the newest. */
  readonly range: LsnRange;
}

export interface PullGraftAnswer {
  /** The newest of the range; when nothing is newer than its start, the latest there is. */
  readonly snapshot: Snapshot;
  /** Absent: nothing newer. */
  readonly changes?: {
    /** The LSNs that were looked at; the end is the snapshot's. */
    readonly range: LsnRange;
    /** Union of all that changed, with the indexes in (lowest low page count, page count]. */
    readonly pageSet: PageSet;
  };
  /** Absent: no checkpoint yet. */
  readonly checkpointLsn?: Lsn;
}

/** @throws GraftError `invalid-argument` */
export function toPullGraftRequest(message: PullGraftRequestMessage): PullGraftRequest {
  return { volumeId: toVolumeId(message.vid), range: toLsnRange(message.range) };
}

export function fromPullGraftRequest(request: PullGraftRequest): PullGraftRequestMessage {
  return create(PullGraftRequestSchema, {
    vid: gidBytes(request.volumeId),
    range: fromLsnRange(request.range),
  });
}

/** @throws GraftError `internal` when malformed */
export function toPullGraftAnswer(message: PullGraftResponseMessage): PullGraftAnswer {
  return readAnswer("PullGraft", () =>
    present({
      snapshot: toSnapshot(message.snapshot),
      changes:
        message.range === undefined
          ? undefined
          : { range: toLsnRange(message.range), pageSet: toPageSet(message.graft) },
    }),
  );
}

export function fromPullGraftAnswer(answer: PullGraftAnswer): PullGraftResponseMessage {
  const { changes } = answer;
  return create(PullGraftResponseSchema, {
    snapshot: fromSnapshot(answer.snapshot, answer.checkpointLsn),
    range: changes === undefined ? undefined : fromLsnRange(changes.range),
    graft: changes === undefined ? new Uint8Array(0) : fromPageSet(changes.pageSet),
  });
}
