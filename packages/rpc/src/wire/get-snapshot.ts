import { create } from "@bufbuild/protobuf";
import { gidBytes, type Lsn, type Snapshot, toVolumeId, type VolumeId } from "@graft/core";
import {
  type GetSnapshotRequest as GetSnapshotRequestMessage,
  GetSnapshotRequestSchema,
  type GetSnapshotResponse as GetSnapshotResponseMessage,
  GetSnapshotResponseSchema,
} from "@graft/proto-gen/metastore";
import { toOptionalLsn } from "./ids.ts";
import { present, readAnswer } from "./present.ts";
import { fromSnapshot, toSnapshot } from "./snapshot.ts";

export interface GetSnapshotRequest {
  readonly volumeId: VolumeId;
  /** Absent: the latest. */
  readonly lsn?: Lsn;
}

/** @throws GraftError `invalid-argument` */
export function toGetSnapshotRequest(message: GetSnapshotRequestMessage): GetSnapshotRequest {
  return present({ volumeId: toVolumeId(message.vid), lsn: toOptionalLsn(message.lsn) });
}

export function fromGetSnapshotRequest(request: GetSnapshotRequest): GetSnapshotRequestMessage {
  return create(GetSnapshotRequestSchema, { vid: gidBytes(request.volumeId), lsn: request.lsn });
}

/** @throws GraftError `internal` when malformed */
export function toGetSnapshotAnswer(message: GetSnapshotResponseMessage): Snapshot {
  return readAnswer("GetSnapshot", () => toSnapshot(message.snapshot));
}

export function fromGetSnapshotAnswer(
  snapshot: Snapshot,
  checkpointLsn?: Lsn,
): GetSnapshotResponseMessage {
  return create(GetSnapshotResponseSchema, { snapshot: fromSnapshot(snapshot, checkpointLsn) });
}
