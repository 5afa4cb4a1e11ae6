/**
 * A service's local index of commits: disposable, and never wrong.
 *
 * Guarantee. For each volume it holds either nothing or the commits of one LSN range, floor …
 * head, without a gap; each is the commit whose stored bytes were decoded, and names the one
 * below it as its parent. What it answers never changes: commits are immutable, and one that
 * contradicts another is refused as `corrupt`. It never says that an LSN does *not* exist: what
 * it does not hold is read from the log again. It may forget volumes at any call (it is bounded),
 * never a part of one; a caller that finds less than before fills it again. Everything is
 * synchronous: no other call comes between two of its effects.
 */
import type { Lsn, VolumeId } from "@graft/core";
import type { CommitRecord, Frame } from "@graft/format";

/** An index of commits. */
export interface VolumeCatalog {
  /**
   * Adds a commit. It must continue the range of its volume at either end; a volume of which
   * nothing is held starts with it.
   *
   * @returns `inserted`; `present` when this very commit is held already; `gap` when it does not
   *   touch the range, and nothing was done
   * @throws GraftError `corrupt` when another commit is held at its LSN, or when it and its
   *   neighbour do not name each other by hash
   */
  insert(commit: CatalogCommit): "inserted" | "present" | "gap";
  /** The commit at an LSN; undefined when it is not held. */
  get(volumeId: VolumeId, lsn: Lsn): CatalogCommit | undefined;
  /** The newest held; undefined when nothing is. There may be newer ones in the log. */
  head(volumeId: VolumeId): CatalogCommit | undefined;
  /** The LSNs held, both included; undefined when nothing is. */
  extent(volumeId: VolumeId): CatalogExtent | undefined;
  /**
   * All commits of an LSN range, both ends included, ascending; undefined unless every one is
   * held.
   */
  range(volumeId: VolumeId, extent: CatalogExtent): Iterable<CatalogCommit> | undefined;
  /**
   * The commits from an LSN down to the floor; undefined when the first is not held. Whoever
   * needs what is below the floor reads it from the log.
   */
  descend(volumeId: VolumeId, from: Lsn): Iterable<CatalogCommit> | undefined;
  /** Drops all of a volume. */
  forget(volumeId: VolumeId): void;
}

/** A range of LSNs, both ends included. */
export interface CatalogExtent {
  readonly floor: Lsn;
  readonly head: Lsn;
}

/** A commit as the catalog holds it. Immutable. */
export interface CatalogCommit {
  readonly record: CatalogRecord;
  /** SHA-256 of the stored bytes, 32 bytes: what the next record names as its parent. */
  readonly hash: Uint8Array;
  /** Stored bytes. */
  readonly storedSize: number;
}

/** A commit record whose inline pages may have been released. */
export type CatalogRecord = Omit<CommitRecord, "inlineFrames"> & {
  readonly inlineFrames: readonly CatalogFrame[];
};

/**
 * An inline frame without its data when they were released: then they are read from the log
 * object.
 */
export type CatalogFrame = Omit<Frame, "data"> & { readonly data?: Uint8Array };
