import { cut, difference, MutablePageSet, type PageSet, unionInto } from "@graft/core";
import type { RemotePoint } from "../local-store.ts";

/**
 * A stretch of versions on one remote snapshot. It begins when a pull, a reset or a completed push
 * moved the snapshot; at version `start` the volume was exactly that snapshot, so a page fetched
 * from it is the page of version `start`. After a merge it was that but for the pages `carried`
 * over, which keep the versions that wrote them.
 */
export class Epoch {
  readonly remote: RemotePoint | undefined;
  readonly start: number;
  /**
   * Pages that exist at `start` and whose bytes of then are not here. A version stored at or after
   * `start` wins over it, and so does a floor above it.
   */
  readonly stale: PageSet;
  /** Members of `stale` (and others) that were stored or cut off since. */
  readonly refreshed: PageSet;
  /**
   * Local pages older than `start` that stand on this snapshot all the same: a merge carried them
   * over. None of them is stale.
   */
  readonly carried: PageSet;
  /** What differs remotely between the pinned epoch before, if there is one, and this one. */
  readonly changed: PageSet;
  pinCount = 0;

  constructor(parts: {
    readonly remote: RemotePoint | undefined;
    readonly start: number;
    readonly stale: PageSet;
    readonly refreshed?: PageSet;
    readonly changed?: PageSet;
    readonly carried?: PageSet;
  }) {
    this.remote = parts.remote;
    this.start = parts.start;
    this.stale = parts.stale;
    this.refreshed = parts.refreshed ?? new MutablePageSet();
    this.changed = parts.changed ?? new MutablePageSet();
    this.carried = parts.carried ?? new MutablePageSet();
  }

  /** Whether a stored version of a page is local work on top of the snapshot. */
  isLocal(page: number, storedVersion: number): boolean {
    return storedVersion > this.start || this.carried.contains(page);
  }

  /** Whether the page's bytes at `start` are known to be missing, in view of a stored version. */
  hides(page: number, storedVersion: number): boolean {
    return storedVersion < this.start && this.stale.contains(page);
  }

  /**
   * What the next epoch begins with as stale, `added` included, up to `pageCount`. Costs what the
   * compressed sets cost. An epoch nobody pins gives its own set away.
   */
  handOver(added: PageSet, pageCount: number): PageSet {
    const stale = this.#remaining();
    unionInto(stale, added);
    cutAbove(stale, pageCount);
    return stale;
  }

  #remaining(): PageSet {
    if (this.pinCount > 0) return difference(this.stale, this.refreshed);
    cut(this.stale, this.refreshed);
    return this.stale;
  }
}

/** Takes all members above `pageCount` out. */
export function cutAbove(set: PageSet, pageCount: number): void {
  const last = set.last;
  if (last !== undefined && last > pageCount) set.removeRange(pageCount + 1, last);
}
