/** Ids cross the wire as 16 bytes; an optional one that is absent stays absent. */
import {
  type CommitId,
  commitIdBytes,
  gidBytes,
  type Lsn,
  toCommitId,
  toLsn,
  toVolumeId,
  type VolumeId,
} from "@graft/core";

/** @throws GraftError `invalid-argument` */
export function toOptionalVolumeId(bytes: Uint8Array | undefined): VolumeId | undefined {
  return bytes === undefined ? undefined : toVolumeId(bytes);
}

export function fromOptionalVolumeId(id: VolumeId | undefined): Uint8Array | undefined {
  return id === undefined ? undefined : gidBytes(id);
}

/** @throws GraftError `invalid-argument` */
export function toOptionalCommitId(bytes: Uint8Array | undefined): CommitId | undefined {
  return bytes === undefined ? undefined : toCommitId(bytes);
}

export function fromOptionalCommitId(id: CommitId | undefined): Uint8Array | undefined {
  return id === undefined ? undefined : commitIdBytes(id);
}

/** @throws GraftError `invalid-argument` on 0 */
export function toOptionalLsn(value: bigint | undefined): Lsn | undefined {
  return value === undefined ? undefined : toLsn(value);
}
