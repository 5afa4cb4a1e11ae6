import type { PageCount, PageSet } from "@graft/core";
import { intersection, intersects, Splinter, unionInto } from "@graft/splinter";

/**
 * Pages of a set that goes in page by page: many small sets must not cost what has gathered, each.
 */
const FEW = 64;

/** Page sets that must not share a page, added one by one. */
export class PageTally {
  /** All pages added so far. For reading only. */
  readonly pages: PageSet = new Splinter();

  /** Adds a set, or says what is wrong with it, as a sentence. */
  add(set: PageSet, pageCount: PageCount): string | undefined {
    const last = set.last ?? 0;
    if (last > pageCount) return `page ${last} is above the page count ${pageCount}`;
    if (this.#meets(set)) return `page ${intersection(this.pages, set).first} is in it twice`;
    this.#insert(set);
    return undefined;
  }

  #meets(set: PageSet): boolean {
    if (set.cardinality > FEW) return intersects(this.pages, set);
    for (const { first, last } of set.ranges()) {
      if (this.pages.countRange(first, last) > 0) return true;
    }
    return false;
  }

  #insert(set: PageSet): void {
    if (set.cardinality > FEW) unionInto(this.pages, set);
    else for (const { first, last } of set.ranges()) this.pages.insertRange(first, last);
  }
}
