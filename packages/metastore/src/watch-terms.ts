import type { GraftError, Lsn, VolumeId } from "@graft/core";
import type { WatchEvent } from "@graft/rpc";

/** Under which terms a reader watches; without any, it may see everything for ever. */
export interface WatchTerms {
  /** The newest LSN of a volume that it is told of. Absent: no limit. */
  readonly maxLsns: ReadonlyMap<VolumeId, Lsn>;
  /** What it is told first: volumes that it asked for, and does not watch. */
  readonly ends: readonly WatchEvent[];
  /**
   * Resolves when the reader's token is no longer valid: each of its volumes is ended with this
   * error, and then the stream. Rejects when nobody needs to know any more.
   */
  readonly whenInvalid: Promise<GraftError>;
}
