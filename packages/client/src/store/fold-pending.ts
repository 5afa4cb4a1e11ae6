import { type CommitId, invariant, MutablePageSet, type PageSet, unionInto } from "@graft/core";
import type { LocalCommit } from "../volume.ts";
import { cutAbove } from "./history/epoch.ts";
import type { PreparedPush, RemotePoint } from "./local-store.ts";

/**
 * Folds pending commits into what one remote commit says: the newest version of each page, without
 * those that a later commit cut off (DESIGN §4, "Truncation").
 *
 * @param base `start`: the version at which the remote snapshot moved. Commits that were carried
 *   over are older, and are pushed as they are then
 * @param pending oldest first, at least one
 */
export function foldPending(
  commitId: CommitId,
  base: { readonly remote: RemotePoint | undefined; readonly start: number },
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
    base: base.remote?.lsn,
    toVersion: Math.max(last.version, base.start),
    commitCount: pending.length,
    pageCount: last.pageCount,
    lowPageCount,
    pages,
    uploaded: [],
  };
}
