import { invariant, type PageIndex } from "@graft/core";

/**
 * Pages of one transaction outside memory, uncommitted. A commit takes them; until then they vanish
 * with `clear`, and with the process.
 */
export interface PageStage {
  /** How many pages it has. */
  readonly count: number;
  /** Keeps a page, in place of what it has of it. The bytes are copied. @throws GraftError `io` */
  put(index: PageIndex, data: Uint8Array): void;
  /**
   * Copies a page into `target`; false when it does not have it.
   *
   * @throws GraftError `corrupt`, `io`
   */
  read(index: PageIndex, target: Uint8Array): boolean;
  /** Forgets a page. False when it does not have it. */
  delete(index: PageIndex): boolean;
  /** The pages it has, in no order. It must not be changed meanwhile. */
  indexes(): Iterable<PageIndex>;
  /** Forgets all pages. It may be used again. */
  clear(): void;
}

/** The pages of a transaction: each is in memory or staged, and in one of them only. */
export interface NewPages {
  readonly pages: ReadonlyMap<PageIndex, Uint8Array>;
  readonly staged?: PageStage | undefined;
}

/** Which pages these are, ascending. */
export function sortedIndexes({ pages, staged }: NewPages): Uint32Array {
  const sorted = new Uint32Array(pages.size + (staged?.count ?? 0));
  let at = 0;
  for (const index of pages.keys()) sorted[at++] = index;
  if (staged !== undefined) for (const index of staged.indexes()) sorted[at++] = index;
  sorted.sort();
  for (let next = 1; next < sorted.length; next++) {
    invariant(sorted[next - 1] !== sorted[next], "a page is in memory or staged, not both");
  }
  return sorted;
}
