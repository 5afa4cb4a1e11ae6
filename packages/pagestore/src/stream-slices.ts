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
 * Indexes from the first to the last of a slice at most, so that its encoded set is bounded too:
 * 2^16 blocks of 256 take 256 KiB when they are full, and 2.4 MiB at worst.
 */
export const SLICE_SPAN_MAX: number = 2 ** 24;

/**
 * Cuts a set into slices of at most `countMax` existing pages, ascending. A slice reaches to the
 * next page that exists, so that what lies between pages costs no slice of its own. An empty set
 * has no slice.
 */
export function* streamSlices(
  wanted: PageSet,
  existing: PageSet,
  countMax: number,
): Iterable<StreamSlice> {
  let start = wanted.first;
  while (start !== undefined) {
    const end = Math.min(endOfSlice(existing, start, countMax), start + SLICE_SPAN_MAX - 1);
    const range = pageRange(start, Math.min(end, INDEX_LAST));
    yield { covered: intersection(wanted, range), load: intersection(existing, range) };
    start = end >= INDEX_LAST ? undefined : wanted.firstFrom(end + 1);
  }
}

/** The index before the first existing page that is one too many. */
function endOfSlice(existing: PageSet, start: number, countMax: number): number {
  let room = countMax;
  for (const { first, last } of existing.ranges(start)) {
    const size = last - first + 1;
    if (size > room) return first + room - 1;
    room -= size;
  }
  return INDEX_LAST;
}
