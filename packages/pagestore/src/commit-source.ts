import type { Lsn, VolumeId } from "@graft/core";

/**
 * Where the PageStore learns of commits: the MetaStore, over whatever leads there.
 *
 * Guarantee: what it yields are the *stored* bytes of the records of an LSN range, ascending and
 * without a gap, from `start` to `end`, all of them or an error.
 */
export interface CommitSource {
  /**
   * The commits from `start` to `end`, both included. They may come in several requests.
   *
   * @throws GraftError `not-found` when the volume has no commit at `end`, `unavailable`, `corrupt`
   */
  pull(
    volumeId: VolumeId,
    range: CommitRange,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StoredCommit>;
}

/** Both ends included. */
export interface CommitRange {
  readonly start: Lsn;
  readonly end: Lsn;
}

/** A record as it lies in the log. */
export interface StoredCommit {
  readonly lsn: Lsn;
  /** Handed over: nobody writes to them any more. */
  readonly bytes: Uint8Array;
}
