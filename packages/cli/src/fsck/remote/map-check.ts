/** Holds what a record or a checkpoint says of the page map against the log, folded forward. */
import type { Lsn, PageCount } from "@graft/core";
import { SHRINK_LIST_COUNT_MAX } from "@graft/core";
import {
  addToShrinkList,
  type CommitRecord,
  commitPageSet,
  lowPageCountOf,
  type Shrink,
} from "@graft/format";
import { PageOwners } from "./page-owners.ts";

/** The state of a volume after its log up to some LSN. */
export class FoldedLog {
  readonly owners: PageOwners = new PageOwners();
  /** False when a record was missing or damaged: nothing can be compared until a checkpoint. */
  isComplete = true;
  /** Every commit that cut the volume short, ascending. */
  readonly #shrinks: Shrink[] = [];
  #pageCount = 0;

  apply(record: CommitRecord): void {
    const lowPageCount = lowPageCountOf(record);
    if (lowPageCount < this.#pageCount) this.#shrinks.push({ lsn: record.lsn, lowPageCount });
    this.owners.apply(Number(record.lsn), lowPageCount, commitPageSet(record));
    this.#pageCount = record.pageCount;
  }

  /** Starts over from a checkpoint whose map is known. */
  startAt(pageCount: PageCount, shrinks: readonly Shrink[]): void {
    this.#pageCount = pageCount;
    this.#shrinks.splice(0, Number.POSITIVE_INFINITY, ...shrinks);
    this.isComplete = true;
  }

  /** What is wrong with a shrink list, as a sentence. */
  shrinkFault(list: readonly Shrink[], since: Lsn | undefined): string | undefined {
    const events = this.#shrinks.filter(({ lsn }) => since === undefined || lsn > since);
    // Beyond that neighbours were merged, in an order that depends on when.
    if (events.length > SHRINK_LIST_COUNT_MAX) return coverFault(list, events);
    const expected = events.reduce(addToShrinkList, [] as readonly Shrink[]);
    if (textOf(expected) === textOf(list)) return undefined;
    return `expected the shrinks ${textOf(expected)}, got ${textOf(list)}`;
  }
}

/**
 * A list with merged entries may say more than the log, never less: some entry at or above each
 * shrink has a count that is as low. Both ascend by LSN.
 */
function coverFault(list: readonly Shrink[], events: readonly Shrink[]): string | undefined {
  let at = 0;
  for (const { lsn, lowPageCount } of events) {
    while ((list[at]?.lsn ?? lsn) < lsn) at++;
    const entry = list[at];
    if (entry !== undefined && entry.lowPageCount <= lowPageCount) continue;
    return `no shrink in it stands for the one to ${lowPageCount} pages at LSN ${lsn}`;
  }
  return undefined;
}

/** What is wrong with the tail index of a record that was applied, as a sentence. */
export function tailIndexFault(record: CommitRecord, log: FoldedLog): string | undefined {
  const { tailIndex, checkpoint } = record;
  if (tailIndex === undefined || !log.isComplete) return undefined;
  let named = commitPageSet(record).cardinality;
  for (const { lsn, inlinePageSet, segments } of tailIndex.commits) {
    const sets = segments.map(({ pageSet }) => pageSet);
    for (const pages of inlinePageSet === undefined ? sets : [inlinePageSet, ...sets]) {
      named += pages.cardinality;
      const other = log.owners.firstOther(Number(lsn), pages);
      if (other === undefined) continue;
      const said = `says that LSN ${lsn} wrote page ${other.page} last`;
      return `its tail index ${said}; the log says ${lsnText(other.lsn)}`;
    }
  }
  const expected = log.owners.countAbove(Number(checkpoint?.lsn ?? 0n));
  if (named !== expected) {
    return `its tail index names ${named} changed pages with its own; the log has ${expected}`;
  }
  const fault = log.shrinkFault(tailIndex.shrinks, checkpoint?.lsn);
  return fault === undefined ? undefined : `its tail index: ${fault}`;
}

/** "LSN 7", or that nobody did. */
export function lsnText(lsn: number | undefined): string {
  return lsn === undefined ? "that it does not exist" : `LSN ${lsn}`;
}

function textOf(shrinks: readonly Shrink[]): string {
  if (shrinks.length === 0) return "none";
  return shrinks.map(({ lsn, lowPageCount }) => `${lsn}:${lowPageCount}`).join(" ");
}
