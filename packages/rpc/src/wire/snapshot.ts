import { create } from "@bufbuild/protobuf";
import {
  gidBytes,
  LSN_FIRST,
  type Lsn,
  PAGE_SIZE_DEFAULT,
  type Snapshot,
  toClientId,
  toLsn,
  toPageCount,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { type Snapshot as SnapshotMessage, SnapshotSchema } from "@graft/proto-gen/common";
import { fromOptionalCommitId, toOptionalCommitId } from "./ids.ts";
import { mustHave, present } from "./present.ts";
import { fromTimestampMs, toTimestampMs } from "./timestamp.ts";

/** @throws GraftError `invalid-argument` when absent or malformed */
export function toSnapshot(message: SnapshotMessage | undefined): Snapshot {
  const snapshot = mustHave(message, "snapshot");
  return present({
    volumeId: toVolumeId(snapshot.vid),
    clientId: toClientId(snapshot.cid),
    lsn: toLsn(snapshot.lsn),
    pageCount: toPageCount(snapshot.pageCount),
    pageSize: toPageSize(snapshot.pageSize ?? PAGE_SIZE_DEFAULT),
    timestampMs: toTimestampMs(snapshot.timestamp),
    commitId: toOptionalCommitId(snapshot.commitId),
  });
}

/** @param checkpointLsn LSN of the newest checkpoint; 1 without one, as v0.1 answers */
export function fromSnapshot(snapshot: Snapshot, checkpointLsn: Lsn = LSN_FIRST): SnapshotMessage {
  return create(SnapshotSchema, {
    vid: gidBytes(snapshot.volumeId),
    cid: gidBytes(snapshot.clientId),
    lsn: snapshot.lsn,
    checkpointLsn,
    pageCount: snapshot.pageCount,
    timestamp: fromTimestampMs(snapshot.timestampMs),
    pageSize: snapshot.pageSize,
    commitId: fromOptionalCommitId(snapshot.commitId),
  });
}
