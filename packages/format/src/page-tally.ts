import type { PageCount, PageSet } from "@graft/core";
import { intersection, intersects, Splinter, unionInto } from "@graft/splinter";

/** Page sets that must not share a page, added one by one. */
export class PageTally {
  /** All pages added so far. For reading only. */
  readonly pages: PageSet = new Splinter();

  /** Adds a set, or says what is wrong with it, as a sentence. */
  add(set: PageSet, pageCount: PageCount): string | undefined {
    const last = set.last ?? 0;
    if (last > pageCount) return `page ${last} is above the page count ${pageCount}`;
    if (intersects(this.pages, set)) {
      return `page ${intersection(this.pages, set).first} is in it twice`;
    }
    unionInto(this.pages, set);
    return undefined;
  }
}
