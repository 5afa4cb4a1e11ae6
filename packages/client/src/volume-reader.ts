import type { Lsn, PageCount, PageIndex, PageSet, PageSize } from "@graft/core";
import type { FetchNeed } from "./prefetch/fetch-allowance.ts";

/**
 * One immutable local snapshot of a volume: the remote snapshot at `lsn` with the local commits on
 * top, as they were when the reader was made. Its pages stay readable until `close()`, whatever is
 * pulled, pushed, reset or evicted meanwhile.
 */
export interface VolumeReader {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  /** The remote LSN underneath; undefined when nothing was ever pulled or pushed. */
  readonly lsn: Lsn | undefined;
  /**
   * Grows by exactly one with each local commit, applied pull, reset, merge and rebase; never goes
   * back; does not change with a push. Persisted with the volume. SQLite's change counter is this,
   * mod 2^32.
   */
  readonly version: number;
  /**
   * The version that the remote snapshot underneath has here: the local commits on top have those
   * after it. A reader with a later one need not descend from what this one showed.
   */
  readonly baseVersion: number;
  /** Whether a reader opened now would see just the same; false once it is closed. */
  readonly isLatest: boolean;

  /**
   * Copies a page into `target`, which must have the page size. Synchronous.
   *
   * @returns true: filled (with zeros when the page does not exist in this snapshot); false: the
   *   page is not here, `fetch` it first
   * @throws GraftError `corrupt` when an *unpushed* page fails its checksum (a cached one is
   *   dropped and false is returned), `io`
   */
  read(index: PageIndex, target: Uint8Array): boolean;

  /**
   * Brings pages of this snapshot here. Concurrent fetches of one page share one request.
   *
   * @param need who needs them, and how much of it may be fetched
   * @throws GraftError `unavailable` naming what is unreachable and since when;
   *   `resource-exhausted` when more is needed than may be fetched
   */
  fetch(pages: PageSet, signal?: AbortSignal, need?: FetchNeed): Promise<void>;

  /** Lets the pages go. Idempotent. */
  close(): void;
}
