import type { Location } from "./page-chains.ts";
import type { PageHistory } from "./page-history.ts";

/** Pages that are looked for in memory together. */
const TOUCH_COUNT = 64;

/** `PageHistory.restore` of many pages of one version: a large cache is opened so. */
export function restoreAll(
  history: PageHistory,
  version: number,
  pages: readonly (readonly [page: number, location: Location])[],
): void {
  for (let from = 0; from < pages.length; from += TOUCH_COUNT) {
    const to = Math.min(pages.length, from + TOUCH_COUNT);
    history.chains.table.touch(pages, from, to);
    for (let at = from; at < to; at++) {
      const entry = pages[at];
      if (entry !== undefined) history.restore(entry[0], version, entry[1]);
    }
  }
}
