import type { Compute, Lsn, VolumeId } from "@graft/core";
import { commitRecordHash, decodeCommitRecord, type Frame, logKey } from "@graft/format";
import type { CatalogCommit, CatalogFrame } from "./volume-catalog.ts";

/**
 * A commit for the catalog, from the bytes of its log object: always the *stored* ones. Inline
 * data are views of `storedBytes`, which the caller no longer writes to.
 *
 * @throws GraftError `corrupt`
 */
export function decodeCatalogCommit(
  storedBytes: Uint8Array,
  place: { readonly volumeId: VolumeId; readonly lsn: Lsn },
  compute: Compute,
): CatalogCommit {
  const { volumeId, lsn } = place;
  const objectName = logKey(volumeId, lsn);
  const record = decodeCommitRecord(storedBytes, compute, { objectName, volumeId, lsn });
  const hash = commitRecordHash(storedBytes, compute);
  return { record, hash, storedSize: storedBytes.length };
}

/** Whether the frame's data are at hand. */
export function hasFrameData(frame: CatalogFrame): frame is Frame {
  return frame.data !== undefined;
}

/** The commit without the data of its inline frames. */
export function withoutInlineData(commit: CatalogCommit): CatalogCommit {
  const inlineFrames = commit.record.inlineFrames.map(({ pageSet, codec, hash }) => ({
    pageSet,
    codec,
    hash,
  }));
  return { ...commit, record: { ...commit.record, inlineFrames } };
}
