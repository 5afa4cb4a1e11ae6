/**
 * Many commits as one: a push folds local commits, a `Watch` event remote ones. The newest
 * version of each page is taken; a version written before the volume was cut short below it is
 * dropped.
 */
import { invariant, type PageCount, type PageSet } from "@graft/core";
import { difference, Splinter, unionInto } from "@graft/splinter";

/** One commit to be folded. */
export interface FoldedCommit {
  /** The pages it wrote. */
  readonly pageSet: PageSet;
  readonly pageCount: PageCount;
  /** Absent: the page count. */
  readonly lowPageCount?: PageCount;
}

/** The commit that they are together. */
export interface CommitFold {
  /** Which pages to take from which commit: as many sets as there were commits, sharing no page. */
  readonly taken: readonly PageSet[];
  /** All of them. */
  readonly pageSet: PageSet;
  readonly pageCount: PageCount;
  /** The least page count among them: at most the page count. */
  readonly lowPageCount: PageCount;
}

/** @param commits oldest first, at least one */
export function foldCommits(commits: readonly FoldedCommit[]): CommitFold {
  const newest = commits.at(-1);
  invariant(newest !== undefined, "at least one commit is folded");
  const pageSet = new Splinter();
  const taken: PageSet[] = [];
  let lowest = newest.pageCount;
  for (const commit of commits.toReversed()) {
    const pages = difference(commit.pageSet, pageSet);
    // Above the least count of all later commits, a page was cut off after it was written.
    pages.removeRange(lowest + 1, 0xffff_ffff);
    taken.unshift(pages);
    unionInto(pageSet, pages);
    lowest = min(lowest, commit.lowPageCount ?? commit.pageCount);
  }
  return { taken, pageSet, pageCount: newest.pageCount, lowPageCount: lowest };
}

function min(a: PageCount, b: PageCount): PageCount {
  return a < b ? a : b;
}
