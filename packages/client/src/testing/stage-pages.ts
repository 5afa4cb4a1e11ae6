import { toPageIndex } from "@graft/core";
import type { LocalStore } from "../store/local-store.ts";
import type { PageStage } from "../store/page-stage.ts";

/** A stage with these pages. */
export function stagePages(
  store: LocalStore,
  pages: Iterable<readonly [page: number, data: Uint8Array]>,
): PageStage {
  const staged = store.openStage();
  for (const [page, data] of pages) staged.put(toPageIndex(page), data);
  return staged;
}
