/**
 * Whether local transactions may be carried over to a newer remote snapshot as they are. Pure.
 *
 * Serializable, because it stays a history in which they ran after the remote commits: none of
 * these touched a page that the transactions read, so they would have read the same and written the
 * same; and none touched a page that they wrote, so that nothing of either is lost.
 *
 * ```
 * page 1 written here, and anything changed there     conflict
 * any other page written here, and changed there      conflict
 * any other page read here, and changed there         conflict
 * page 1 read here, and changed there    the bytes tell: what says how many pages there are, and
 *                                        who wrote last, may differ; the rest may not
 * ```
 *
 * A transaction that left page 1 alone allocated and freed no page: it has no part in the free list
 * and in the page count, which bytes 24–39 of page 1 say.
 */
import { equalBytes, intersects, type PageCount, type PageSet, toPageIndex } from "@graft/core";
import type { RemotePoint } from "../store/local-store.ts";

/** What a transaction did. */
export interface Footprint {
  /** Absent: it may have read everything. */
  readonly reads?: PageSet | undefined;
  readonly pages: PageSet;
  readonly pageCount: PageCount;
}

/** What became of the remote since the snapshot that the transactions stand on. */
export interface RemoteChange {
  readonly remote: RemotePoint;
  readonly changed: PageSet;
}

export type MergeDecision =
  | "merge"
  | "conflict"
  /** It hangs on whether page 1 says the same: `saysTheSame`. */
  | "page-one";

const PAGE_ONE = toPageIndex(1);

/** Bytes of page 1 that a reader is not taken to have read: [first, end). */
const EXEMPT: readonly (readonly [first: number, end: number])[] = [
  [24, 40],
  [92, 100],
];

/** @param base the snapshot on which all the transactions stand, one on top of the other */
export function decideMerge(
  transactions: readonly Footprint[],
  base: RemotePoint,
  { remote, changed }: RemoteChange,
): MergeDecision {
  const others = changed.clone();
  const hasPageOne = others.remove(PAGE_ONE);
  const resizes = remote.pageCount !== base.pageCount;
  const isEmpty = changed.isEmpty && !resizes;
  let decision: MergeDecision = "merge";
  for (const { reads, pages, pageCount } of transactions) {
    if (pageCount !== base.pageCount || intersects(pages, changed)) return "conflict";
    if (isEmpty) continue;
    // It allocated or freed pages, or changed the schema.
    if (pages.contains(PAGE_ONE) || reads === undefined) return "conflict";
    // Pages beyond the end are not among the changed ones, though they are gone.
    if ((pages.last ?? 0) > remote.pageCount) return "conflict";
    if ((reads.last ?? 0) > remote.pageCount || intersects(reads, others)) return "conflict";
    if (hasPageOne && reads.contains(PAGE_ONE)) decision = "page-one";
  }
  return decision;
}

/** Whether two pages 1 differ in nothing but the bytes that nobody is taken to have read. */
export function saysTheSame(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(withoutExempt(a), withoutExempt(b));
}

function withoutExempt(page: Uint8Array): Uint8Array {
  const copy = page.slice();
  for (const [first, end] of EXEMPT) copy.fill(0, first, end);
  return copy;
}
