import type { PageCount, PageSet } from "@graft/core";
import { intersection, intersects, Splinter, unionInto } from "@graft/splinter";

/**
 * Pages of a set that is tallied page by page: many small sets, as in a tail index, must not cost
 * what has gathered, each.
 */
const FEW = 64;

/** Page sets that must not share a page, added one by one. */
export class PageTally {
  /** Pages of small sets, and of large ones. They share none. */
  readonly #few = new Set<number>();
  readonly #many = new Splinter();

  /** Adds a set, or says what is wrong with it, as a sentence: then the tally is of no more use. */
  add(set: PageSet, pageCount: PageCount): string | undefined {
    const last = set.last ?? 0;
    const { cardinality } = set;
    if (cardinality === 1) return this.addPage(last, pageCount);
    if (last > pageCount) return `page ${last} is above the page count ${pageCount}`;
    const double = cardinality > FEW ? this.#addMany(set) : this.#addFew(set);
    return double === undefined ? undefined : `page ${double} is in it twice`;
  }

  /** The same for a set of one page. */
  addPage(page: number, pageCount: PageCount): string | undefined {
    if (page > pageCount) return `page ${page} is above the page count ${pageCount}`;
    if (this.#few.has(page) || this.#many.contains(page)) return `page ${page} is in it twice`;
    this.#few.add(page);
    return undefined;
  }

  /** The first page that was added before. */
  #addFew(set: PageSet): number | undefined {
    for (let page = set.first; page !== undefined; page = set.firstFrom(page + 1)) {
      if (this.#few.has(page) || this.#many.contains(page)) return page;
      this.#few.add(page);
    }
    return undefined;
  }

  #addMany(set: PageSet): number | undefined {
    let first = intersects(this.#many, set) ? intersection(this.#many, set).first : undefined;
    for (const page of this.#few) {
      if (set.contains(page) && page < (first ?? Number.POSITIVE_INFINITY)) first = page;
    }
    if (first === undefined) unionInto(this.#many, set);
    return first;
  }
}
