import { difference, intersection, MutablePageSet, type PageSet, unionInto } from "@graft/core";

/** What to answer now. */
export interface BudgetedRead {
  /** Pages to load: they exist. */
  readonly load: PageSet;
  /** What the answer settles: `load`, and wanted indexes that read as zeros. */
  readonly covered: PageSet;
}

export interface ReadBudget {
  readonly wanted: PageSet;
  /** What else is welcome when there is room. */
  readonly prefetch?: PageSet | undefined;
  /** Of `wanted` and `prefetch`: what reads as zeros. */
  readonly absent: PageSet;
  readonly pageSize: number;
  /** Page bytes at most; one page is answered whatever it says. */
  readonly byteBudget: number;
}

/**
 * Cuts a read to its budget by covering less, never by leaving out data: the lowest existing pages
 * are loaded, and every index that reads as zeros is covered for nothing. Prefetched pages come
 * last, and only when all that was wanted has its place. Of a request that is not empty at least
 * one index is covered.
 */
export function fitBudget(budget: ReadBudget): BudgetedRead {
  const { wanted, prefetch, absent, pageSize, byteBudget } = budget;
  const room = Math.max(1, Math.floor(byteBudget / pageSize));
  const existing = difference(wanted, absent);
  const load = lowestOf(existing, room);
  const covered = intersection(wanted, absent);
  if (prefetch !== undefined && load.cardinality === existing.cardinality) {
    const further = difference(difference(prefetch, wanted), absent);
    unionInto(load, lowestOf(further, room - load.cardinality));
    unionInto(covered, intersection(prefetch, absent));
  }
  unionInto(covered, load);
  return { load, covered };
}

/** The `count` lowest members; all of them when there are fewer. */
export function lowestOf(set: PageSet, count: number): MutablePageSet {
  const lowest = new MutablePageSet();
  let left = count;
  for (const { first, last } of set.ranges()) {
    if (left <= 0) break;
    const end = Math.min(last, first + left - 1);
    lowest.insertRange(first, end);
    left -= end - first + 1;
  }
  return lowest;
}
