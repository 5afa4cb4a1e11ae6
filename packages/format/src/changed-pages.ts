/**
 * What changed over a range of commits, as one page set: what `PullGraft` and `Watch` answer. An
 * index in (lowest low page count of the range, final page count] counts as changed, since it
 * reads as zeros unless written after; an index above the final page count does not exist any
 * more.
 */
import { invariant, type PageCount, type PageSet } from "@graft/core";
import { Splinter, unionInto } from "@graft/splinter";
import { type CommitPages, type CommitRecord, lowPageCountOf } from "./commit-record.ts";

/** What the fold needs of a commit. */
export type ChangeRecord = CommitPages & Pick<CommitRecord, "lsn" | "pageCount" | "lowPageCount">;

/** What changed, and what the volume has become. */
export interface ChangedPages {
  readonly pageSet: PageSet;
  /** Of the last commit. */
  readonly pageCount: PageCount;
  /** The lowest of the range. */
  readonly lowPageCount: PageCount;
}

/** Folds a range of commits, ascending and without a gap; undefined when there is none. */
export function changedPages(records: Iterable<ChangeRecord>): ChangedPages | undefined {
  const pageSet = new Splinter();
  let newest: ChangeRecord | undefined;
  let lowest: PageCount | undefined;
  for (const record of records) {
    invariant(newest === undefined || record.lsn === newest.lsn + 1n, "commits fold in LSN order");
    for (const ref of record.segments) unionInto(pageSet, ref.pageSet);
    for (const frame of record.inlineFrames) unionInto(pageSet, frame.pageSet);
    const low = lowPageCountOf(record);
    if (lowest === undefined || low < lowest) lowest = low;
    newest = record;
  }
  if (newest === undefined || lowest === undefined) return undefined;
  pageSet.insertRange(lowest + 1, newest.pageCount);
  pageSet.removeRange(newest.pageCount + 1, 0xffff_ffff);
  return { pageSet, pageCount: newest.pageCount, lowPageCount: lowest };
}
