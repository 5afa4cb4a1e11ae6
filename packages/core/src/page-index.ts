import { GraftError } from "./error.ts";

declare const brand: unique symbol;

/** Where a page is: 1 … 2^32−2. Page 0 does not exist. */
export type PageIndex = number & { readonly [brand]: "PageIndex" };

export const PAGE_INDEX_FIRST: PageIndex = toPageIndex(1);
/** SQLite's own last page: 2^32−2. */
export const PAGE_INDEX_LAST: PageIndex = toPageIndex(0xffff_fffe);

/** @throws GraftError `invalid-argument` */
export function toPageIndex(value: number): PageIndex {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_fffe) {
    throw new GraftError("invalid-argument", `invalid page index ${value}: expected 1 … 2^32−2`);
  }
  return value as PageIndex;
}
