import { GraftError } from "./error.ts";
import type { PageIndex } from "./page-index.ts";

declare const brand: unique symbol;

/** Bytes in each page of a volume, fixed when it is made: a power of two, 512 … 65536. */
export type PageSize = number & { readonly [brand]: "PageSize" };

export const PAGE_SIZE_MIN: PageSize = toPageSize(512);
export const PAGE_SIZE_DEFAULT: PageSize = toPageSize(4096);
export const PAGE_SIZE_MAX: PageSize = toPageSize(65_536);

/** @throws GraftError `invalid-argument` */
export function toPageSize(value: number): PageSize {
  if (!Number.isInteger(value) || value < 512 || value > 65_536 || (value & (value - 1)) !== 0) {
    throw new GraftError(
      "invalid-argument",
      `invalid page size ${value}: expected a power of two, 512 … 65536`,
    );
  }
  return value as PageSize;
}

/** A page with its place. `data` has exactly the page size of its volume. */
export interface Page {
  readonly index: PageIndex;
  readonly data: Uint8Array;
}
