import { isGraftError } from "@graft/core";
import type { LocalStore, NewLocalCommit, StagedPage } from "../../store/local-store.ts";

/**
 * Commits; what failed may be tried again with the same pages, and is, once. After that the staged
 * ones are dropped.
 */
export function commitOrDrop(store: LocalStore, commit: NewLocalCommit): void {
  try {
    try {
      store.commitLocal(commit);
    } catch (error) {
      if (!isGraftError(error, "io")) throw error;
      store.commitLocal(commit);
    }
  } catch (error) {
    store.dropStaged(stagedIn(commit.pages));
    throw error;
  }
}

/** Those of these pages that are not in memory. */
export function stagedIn(pages: NewLocalCommit["pages"]): StagedPage[] {
  const staged: StagedPage[] = [];
  for (const page of pages.values()) if (!(page instanceof Uint8Array)) staged.push(page);
  return staged;
}
