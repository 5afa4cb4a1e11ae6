import { isGraftError } from "@graft/core";
import type { LocalStore, NewLocalCommit } from "../../store/local-store.ts";

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
    commit.staged?.clear();
    throw error;
  }
}
