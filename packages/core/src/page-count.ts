import { GraftError } from "./error.ts";

declare const brand: unique symbol;

/** How many pages a snapshot has: 0 … 2^32−2. */
export type PageCount = number & { readonly [brand]: "PageCount" };

export const PAGE_COUNT_ZERO: PageCount = toPageCount(0);
export const PAGE_COUNT_MAX: PageCount = toPageCount(0xffff_fffe);

/** @throws GraftError `invalid-argument` */
export function toPageCount(value: number): PageCount {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_fffe) {
    throw new GraftError("invalid-argument", `invalid page count ${value}: expected 0 … 2^32−2`);
  }
  return value as PageCount;
}
