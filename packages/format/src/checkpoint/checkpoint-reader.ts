/** Questions to a checkpoint: which blocks to read, and what they and a head record answer. */
import { type Lsn, type PageSet, pageRange, parseLsnHex } from "@graft/core";
import { Splinter, unionInto } from "@graft/splinter";
import { type CommitPages, type CommitRecord, commitPageSet } from "../commit-record.ts";
import { lowestCountSince, type Shrink } from "../shrink-list.ts";
import type { TailIndex } from "../tail-index.ts";
import type { CheckpointEntry } from "./checkpoint-block.ts";
import type { CheckpointBlockRef, CheckpointRoot } from "./checkpoint-root.ts";

/** The blocks that answer for some of these pages, ascending. */
export function blocksFor(root: CheckpointRoot, pages: PageSet): readonly CheckpointBlockRef[] {
  const found: CheckpointBlockRef[] = [];
  let page = pages.first;
  while (page !== undefined) {
    const block = root.blocks[firstBlockFrom(root.blocks, page)];
    if (block === undefined) break;
    if (pages.countRange(block.firstPage, block.lastPage) > 0) found.push(block);
    page = pages.firstFrom(block.lastPage + 1);
  }
  return found;
}

/**
 * The blocks that hold a page written after an LSN, which their references say: that is what makes
 * the answer cost what changed. Of one without, that it is not of an older checkpoint.
 */
export function blocksChangedSince(
  root: CheckpointRoot,
  since: Lsn | undefined,
): readonly CheckpointBlockRef[] {
  if (since === undefined) return root.blocks;
  return root.blocks.filter(
    ({ object, newestLsn }) => (newestLsn ?? parseLsnHex(object.slice(0, 16))) > since,
  );
}

/** A record that is a map together with its checkpoint: it has a tail index. */
export type MapRecord = CommitPages &
  Pick<CommitRecord, "lsn" | "pageCount"> & { readonly tailIndex: TailIndex };

/**
 * The pages that changed after an LSN up to a record: those written, and those that were cut off
 * and read as zeros. None is above the record's page count.
 *
 * @param since undefined: since the beginning
 * @param checkpoint the record's checkpoint, when it lies above `since`: its shrinks, and the
 *   entries of `blocksChangedSince`
 */
export function changedSince(
  since: Lsn | undefined,
  record: MapRecord,
  checkpoint?: {
    readonly shrinks: readonly Shrink[];
    readonly entries: Iterable<Pick<CheckpointEntry, "lsn" | "pageSet">>;
  },
): PageSet {
  if (since !== undefined && since >= record.lsn) return new Splinter();
  const isAfter = (lsn: Lsn): boolean => since === undefined || lsn > since;
  const pages = commitPageSet(record);
  for (const { lsn, inlinePageSet, segments } of record.tailIndex.commits) {
    if (!isAfter(lsn)) break;
    if (inlinePageSet !== undefined) unionInto(pages, inlinePageSet);
    for (const ref of segments) unionInto(pages, ref.pageSet);
  }
  for (const { lsn, pageSet } of checkpoint?.entries ?? []) {
    if (isAfter(lsn)) unionInto(pages, pageSet);
  }
  const counts = [checkpoint?.shrinks ?? [], record.tailIndex.shrinks].map((list) =>
    lowestCountSince(list, since),
  );
  const lowest = Math.min(...counts.filter((count) => count !== undefined));
  if (lowest < record.pageCount) unionInto(pages, pageRange(lowest + 1, record.pageCount));
  pages.removeRange(record.pageCount + 1, 0xffff_ffff);
  return pages;
}

/** Where the first block that does not end below the page is. */
function firstBlockFrom(blocks: readonly CheckpointBlockRef[], page: number): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((blocks[middle]?.lastPage ?? 0) < page) low = middle + 1;
    else high = middle;
  }
  return low;
}
