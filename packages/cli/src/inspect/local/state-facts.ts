import type { LocalState } from "@graft/client";
import type { Facts } from "../facts.ts";

/** What a replica is, besides its pages. */
export function stateFacts(state: LocalState): Facts {
  const { remote, push } = state;
  return {
    version: state.version,
    pageCount: state.pageCount,
    remoteLsn: remote?.lsn ?? "none",
    diverged: state.isDiverged,
    preparedPush:
      push === undefined
        ? undefined
        : { commitId: push.commitId, base: push.base ?? "none", commits: push.commitCount },
    pendingCommits: state.pending.map((commit) => ({
      version: commit.version,
      pageCount: commit.pageCount,
      changedPages: commit.pages,
      message: commit.message,
    })),
  };
}
