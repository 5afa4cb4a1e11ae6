import {
  GraftError,
  type PageCount,
  type PageSet,
  pageRange,
  pageSetOf,
  toPageIndex,
} from "@graft/core";

/**
 * Reads a list of pages as people write it: `all`, `7`, `3-90`, `1,5,8-12`. Pages beyond the page
 * count are left out.
 *
 * @throws GraftError `invalid-argument`
 */
export function parsePageList(text: string, pageCount: PageCount): PageSet {
  if (text.trim().toLowerCase() === "all") return pageRange(1, pageCount);
  const pages = pageSetOf([]);
  for (const part of text.split(",")) {
    const [first, last] = parsePart(part);
    const end = Math.min(last, pageCount);
    if (first <= end) pages.insertRange(first, end);
  }
  return pages;
}

function parsePart(part: string): readonly [first: number, last: number] {
  const match = /^\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?$/.exec(part);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || last < first) {
    throw new GraftError(
      "invalid-argument",
      `invalid page list "${part.trim()}": expected "all", or pages and ranges like "1,5,8-12"`,
    );
  }
  return [toPageIndex(first), toPageIndex(last)];
}
