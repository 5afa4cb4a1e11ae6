import type { Lsn, VolumeId } from "@graft/core";

/**
 * Where the PageStore learns of commits: the MetaStore, over whatever leads there.
 *
 * Guarantee: what it answers are the *stored* bytes of the record at an LSN.
 */
export interface CommitSource {
  /**
   * The record at an LSN, as it lies in the log. Handed over: nobody writes to the bytes any more.
   *
   * @param token of the caller for whom it is read: what it may not see is not answered
   * @throws GraftError `unauthenticated`, `permission-denied`; `not-found` when the volume has no
   *   commit there, `unavailable`, `corrupt`
   */
  read(
    volumeId: VolumeId,
    lsn: Lsn,
    signal: AbortSignal | undefined,
    token?: string,
  ): Promise<Uint8Array>;

  /**
   * The LSN of the newest commit of a volume.
   *
   * @throws GraftError as `read`; `not-found` when it has none
   */
  newest(volumeId: VolumeId, signal: AbortSignal | undefined, token?: string): Promise<Lsn>;
}
