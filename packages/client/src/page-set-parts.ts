import { MutablePageSet, type PageSet } from "@graft/core";

/** Cuts a set into consecutive parts of at most `countMax` members. */
export function* splitPageSet(pages: PageSet, countMax: number): Generator<PageSet> {
  let next = pages.first;
  while (next !== undefined) {
    const part = new MutablePageSet();
    let left = countMax;
    while (next !== undefined && left > 0) {
      part.insert(next);
      left--;
      next = next === 0xffff_ffff ? undefined : pages.firstFrom(next + 1);
    }
    yield part;
  }
}
