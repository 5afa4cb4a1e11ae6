/**
 * The shrink list of a tail index or a checkpoint root: when the volume was cut short, and to how
 * many pages. Ascending in both fields: an entry falls away when a later one is lower or equal,
 * since what it dropped was dropped again. "Changed since L" adds the pages above the lowest
 * count with an LSN above L.
 */
import { invariant, type Lsn, type PageCount, SHRINK_LIST_COUNT_MAX } from "@graft/core";
import type { Shrink as ShrinkBody } from "@graft/proto-gen/storage";
import type { BodyFields } from "./body-fields.ts";
import type { NestedLimits } from "./body-scan.ts";

/**
 * At this LSN the pages above the count were dropped: what is above and not written since reads
 * as zeros.
 */
export interface Shrink {
  readonly lsn: Lsn;
  readonly lowPageCount: PageCount;
}

/** Limits of a field that holds shrinks. A count of zero takes no byte. */
export const SHRINKS_LIMITS: NestedLimits = {
  name: "shrinks",
  countMax: SHRINK_LIST_COUNT_MAX,
  sizeMin: 2,
};

/**
 * The list with one more shrink, at an LSN above all others. Beyond 256 entries, two neighbours
 * become one with the later LSN and the lower count, which only widens answers: the two that
 * differ least in their counts, of equals the oldest.
 */
export function addToShrinkList(list: readonly Shrink[], shrink: Shrink): readonly Shrink[] {
  const newest = list.at(-1);
  invariant(newest === undefined || newest.lsn < shrink.lsn, "a shrink is added in LSN order");
  const kept = list.filter((entry) => entry.lowPageCount < shrink.lowPageCount);
  kept.push(shrink);
  return kept.length <= SHRINK_LIST_COUNT_MAX ? kept : mergeNeighbours(kept);
}

/**
 * The lowest count with an LSN above `since`; undefined when the volume was not cut short since.
 */
export function lowestCountSince(
  list: readonly Shrink[],
  since: Lsn | undefined,
): PageCount | undefined {
  return list.find((entry) => since === undefined || entry.lsn > since)?.lowPageCount;
}

/** What is wrong with a list, as a sentence; undefined when nothing is. */
export function shrinkListFault(
  list: readonly Shrink[],
  range: { readonly after: Lsn | undefined; readonly last: Lsn },
): string | undefined {
  if (list.length > SHRINK_LIST_COUNT_MAX) {
    return `shrink list: expected at most ${SHRINK_LIST_COUNT_MAX} entries, got ${list.length}`;
  }
  let previous: Shrink | undefined;
  for (const entry of list) {
    const above = previous?.lsn ?? range.after ?? 0n;
    if (entry.lsn <= above || entry.lsn > range.last) {
      return `shrink list: expected an LSN in ${above + 1n} … ${range.last}, got ${entry.lsn}`;
    }
    if (previous !== undefined && entry.lowPageCount <= previous.lowPageCount) {
      return `shrink list: the count at LSN ${entry.lsn} does not ascend`;
    }
    previous = entry;
  }
  return undefined;
}

/** From the wire. @throws GraftError `corrupt` */
export function decodeShrink(body: ShrinkBody, fields: BodyFields): Shrink {
  return { lsn: fields.lsn(body.lsn), lowPageCount: fields.pageCount(body.lowPageCount) };
}

function mergeNeighbours(list: readonly Shrink[]): readonly Shrink[] {
  let best = 0;
  let leastWidening = Number.POSITIVE_INFINITY;
  for (const [at, entry] of list.entries()) {
    const next = list[at + 1];
    if (next === undefined) break;
    const widening = next.lowPageCount - entry.lowPageCount;
    if (widening < leastWidening) {
      leastWidening = widening;
      best = at;
    }
  }
  const earlier = list[best];
  const later = list[best + 1];
  invariant(earlier !== undefined && later !== undefined, "a list over its limit has neighbours");
  const merged: Shrink = { lsn: later.lsn, lowPageCount: earlier.lowPageCount };
  return [...list.slice(0, best), merged, ...list.slice(best + 2)];
}
