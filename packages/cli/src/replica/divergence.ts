import type { LocalCommit, RemoteCommitInfo, Volume } from "@graft/client";
import { type GraftError, isGraftError, LSN_FIRST, type Lsn, nextLsn } from "@graft/core";
import { describePending, describeRemote, pendingFacts, remoteFacts } from "./describe-commits.ts";

/** Commits of the other side that are shown at most. */
const THEIRS_MAX = 20;

/** Both sides of a diverged volume, each oldest first, and where they part. */
export interface Divergence {
  /** The last common commit; undefined: they have nothing in common. */
  readonly base: Lsn | undefined;
  readonly ours: readonly LocalCommit[];
  /** The first of what was committed after the base; an error when nobody answers. */
  readonly theirs: readonly RemoteCommitInfo[] | GraftError;
  readonly hasMore: boolean;
}

/** Undefined when the volume is not diverged. */
export async function findDivergence(
  volume: Volume,
  signal: AbortSignal,
): Promise<Divergence | undefined> {
  const { state, remote } = volume.status();
  if (state !== "diverged") return undefined;
  const common = { base: remote.lsn, ours: volume.pendingCommits() };
  try {
    const from = remote.lsn === undefined ? LSN_FIRST : nextLsn(remote.lsn);
    const { commits, hasMore } = await volume.remoteLog(from, { signal });
    const theirs = commits.slice(0, THEIRS_MAX);
    return { ...common, theirs, hasMore: hasMore || commits.length > theirs.length };
  } catch (error) {
    if (!isGraftError(error)) throw error;
    return { ...common, theirs: error, hasMore: false };
  }
}

/** For programs. */
export function divergenceFacts(divergence: Divergence): Readonly<Record<string, unknown>> {
  const { base, ours, theirs, hasMore } = divergence;
  return {
    base,
    ours: ours.map(pendingFacts),
    ...("code" in theirs
      ? { theirsError: { code: theirs.code, message: theirs.message } }
      : { theirs: theirs.map(remoteFacts), hasMore }),
  };
}

/** For people. */
export function describeDivergence(divergence: Divergence): string {
  const { base, ours, theirs, hasMore } = divergence;
  const lines = [`base     ${base === undefined ? "nothing" : `LSN ${base}`}`, "ours"];
  lines.push(...ours.map((commit) => `  ${describePending(commit)}`), "theirs");
  if ("code" in theirs) lines.push(`  not known: ${theirs.message}`);
  else lines.push(...theirs.map((commit) => `  ${describeRemote(commit)}`));
  if (hasMore) lines.push("  …");
  return lines.join("\n");
}
