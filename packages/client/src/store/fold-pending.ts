import { type CommitId, invariant, MutablePageSet, type PageSet, unionInto } from "@graft/core";
import type { LocalCommit } from "../volume.ts";
import { cutAbove } from "./history/epoch.ts";
import type { PreparedPush, RemotePoint } from "./local-store.ts";

/**
 * Folds pending commits into what one remote commit says: the newest version of each page, without
 * those that a later commit cut off (DESIGN §4, "Truncation").
 *
 * @param pending oldest first, at least one
 */
export function foldPending(
  commitId: CommitId,
  base: RemotePoint | undefined,
  pending: readonly LocalCommit[],
): PreparedPush {
  const last = pending.at(-1);
  invariant(last !== undefined, "a push has something to push");
  let lowPageCount = last.pageCount;
  const pages: PageSet = new MutablePageSet();
  for (const commit of pending) {
    cutAbove(pages, commit.pageCount);
    unionInto(pages, commit.pages);
    if (commit.pageCount < lowPageCount) lowPageCount = commit.pageCount;
  }
  return {
    commitId,
    base: base?.lsn,
    toVersion: last.version,
    commitCount: pending.length,
    pageCount: last.pageCount,
    lowPageCount,
    pages,
    uploaded: [],
  };
}
