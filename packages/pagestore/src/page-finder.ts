import type { CatalogCommit, CatalogRecord } from "@graft/catalog";
import {
  GraftError,
  type Lsn,
  MutablePageSet,
  type PageCount,
  type PageSet,
  type PageSize,
  unionInto,
  type VolumeId,
} from "@graft/core";
import { type CatalogUpdater, PULL_COUNT_FIRST, PULL_COUNT_MAX } from "./catalog-updater.ts";
import { type PageTake, planRead } from "./read-plan.ts";

/** A snapshot, and where each wanted page of it is. */
export interface FoundPages {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  readonly takes: readonly PageTake[];
  /** Wanted indexes that read as zeros. */
  readonly absent: PageSet;
}

/**
 * How many commits are pulled for a walk that finds them missing: this many, then twice as many, up
 * to.
 */
export interface PullCounts {
  readonly first: number;
  readonly max: number;
}

const PULL_COUNTS: PullCounts = { first: PULL_COUNT_FIRST, max: PULL_COUNT_MAX };

/** Plans reads, fetching as much of the log as a plan turns out to need, in growing steps. */
export class PageFinder {
  readonly #updater: CatalogUpdater;
  readonly #counts: PullCounts;

  constructor(updater: CatalogUpdater, counts: PullCounts = PULL_COUNTS) {
    this.#updater = updater;
    this.#counts = counts;
  }

  /**
   * Finds the wanted pages of the snapshot at an LSN.
   *
   * @param wanted given the snapshot's page count
   * @throws GraftError `not-found` when the volume has no commit at the LSN
   */
  async find(
    volumeId: VolumeId,
    lsn: Lsn,
    wanted: (pageCount: PageCount) => PageSet,
    signal: AbortSignal | undefined,
  ): Promise<FoundPages> {
    let count = this.#counts.first;
    let commits = await this.#updater.descend(volumeId, lsn, count, signal);
    const snapshot = firstRecord(commits, volumeId, lsn);
    const { pageSize, pageCount } = snapshot;
    const takes: PageTake[] = [];
    const absent = new MutablePageSet();
    let left = wanted(pageCount);
    while (true) {
      const plan = planRead(left, recordsOf(commits));
      takes.push(...plan.takes);
      unionInto(absent, plan.absent);
      if (plan.unresolved.isEmpty) return { pageSize, pageCount, takes, absent };
      left = plan.unresolved;
      if (plan.next === undefined) throw missing(volumeId, lsn);
      count = Math.min(count * 2, this.#counts.max);
      commits = await this.#updater.descend(volumeId, plan.next, count, signal);
    }
  }
}

function firstRecord(
  commits: Iterable<CatalogCommit>,
  volumeId: VolumeId,
  lsn: Lsn,
): CatalogRecord {
  for (const { record } of commits) return record;
  throw missing(volumeId, lsn);
}

function* recordsOf(commits: Iterable<CatalogCommit>): Iterable<CatalogRecord> {
  for (const { record } of commits) yield record;
}

function missing(volumeId: VolumeId, lsn: Lsn): GraftError {
  return new GraftError("not-found", `volume ${volumeId} has no commit at LSN ${lsn}`, {
    details: { volume: volumeId, lsn: String(lsn) },
  });
}
