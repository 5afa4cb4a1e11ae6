import type { CatalogRecord } from "@graft/catalog";
import { MutablePageSet, PAGE_COUNT_MAX, type PageSet, unionInto } from "@graft/core";
import { lowPageCountOf } from "@graft/format";

/**
 * What changed over a range of commits, added one by one so that a long range takes no more memory
 * than its set. Pages above the lowest count of the range changed too: they read as zeros unless
 * written after.
 */
export class ChangeFold {
  readonly #pageSet: PageSet = new MutablePageSet();
  #lowest: number = PAGE_COUNT_MAX;
  #pageCount: number = PAGE_COUNT_MAX;

  /** The next commit of the range: ascending, without a gap. */
  add(record: CatalogRecord): void {
    for (const ref of record.segments) unionInto(this.#pageSet, ref.pageSet);
    for (const frame of record.inlineFrames) unionInto(this.#pageSet, frame.pageSet);
    this.#lowest = Math.min(this.#lowest, lowPageCountOf(record));
    this.#pageCount = record.pageCount;
  }

  /** The set, empty when nothing was added. The fold is used up. */
  finish(): PageSet {
    this.#pageSet.insertRange(this.#lowest + 1, this.#pageCount);
    this.#pageSet.removeRange(this.#pageCount + 1, 0xffff_ffff);
    return this.#pageSet;
  }
}
