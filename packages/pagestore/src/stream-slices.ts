import { intersection, type PageSet, pageRange } from "@graft/core";

/** One answer of a stream. */
export interface StreamSlice {
  /** What it settles. */
  readonly covered: PageSet;
  /** Its pages that exist. */
  readonly load: PageSet;
}

/** Page indexes end at 2^32−2; a request may name 2^32−1, which never exists. */
const INDEX_LAST = 0xffff_ffff;

/**
 * Cuts a set into slices of at most `countMax` existing pages, ascending: each covers from where the one
 * before ended to its own last page, the last slice all the rest. An empty set has no slice.
 */
export function* streamSlices(
  wanted: PageSet,
  existing: PageSet,
  countMax: number,
): Iterable<StreamSlice> {
  let start = 1;
  let count = 0;
  let end = 0;
  for (const { first, last } of existing.ranges()) {
    let from = first;
    while (from <= last) {
      const upTo = Math.min(last, from + (countMax - count) - 1);
      count += upTo - from + 1;
      end = upTo;
      from = upTo + 1;
      if (count < countMax) continue;
      yield slice(wanted, existing, start, end);
      start = end + 1;
      count = 0;
    }
  }
  const rest = slice(wanted, existing, start, INDEX_LAST);
  if (!rest.covered.isEmpty) yield rest;
}

function slice(wanted: PageSet, existing: PageSet, first: number, last: number): StreamSlice {
  const range = pageRange(first, last);
  return { covered: intersection(wanted, range), load: intersection(existing, range) };
}
