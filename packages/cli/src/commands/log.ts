import type { RemoteCommitInfo, Volume } from "@graft/client";
import { type Lsn, toLsn } from "@graft/core";
import { numberValue } from "../arguments.ts";
import type { Command, Invocation } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import {
  describePending,
  describeRemote,
  pendingFacts,
  remoteFacts,
} from "../replica/describe-commits.ts";
import { type Divergence, findDivergence } from "../replica/divergence.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

const COUNT_DEFAULT = 20;
const COUNT_MAX = 1_000_000;

/**
 * `graft log TAG`: local commits that are not yet sent, then the remote ones, newest first; of a
 * diverged volume what the other side committed stands between them.
 */
export const log: Command = {
  name: "log",
  summary: "the commits of a volume, newest first",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: [
    { name: "count", value: "N", help: "remote commits at most", fallback: String(COUNT_DEFAULT) },
    ...REPLICA_FLAGS,
  ],
  async run(invocation) {
    const { output, positionals, signal } = invocation;
    const bounds = { fallback: COUNT_DEFAULT, min: 1, max: COUNT_MAX };
    const count = numberValue(invocation, "count", bounds);
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    const divergence = await findDivergence(volume, signal);
    for (const commit of [...volume.pendingCommits()].reverse()) {
      output.row(pendingFacts(commit), describePending(commit));
    }
    if (divergence !== undefined) tellTheirs(invocation, divergence);
    const { lsn } = volume.status().remote;
    if (lsn === undefined) {
      if (volume.pendingCommits().length === 0) output.note("no commits yet");
      return;
    }
    for (const commit of await newestCommits(volume, lsn, count, signal)) {
      output.row(remoteFacts(commit), describeRemote(commit));
    }
  },
};

/** What the other side committed after the common base, newest first. */
function tellTheirs({ output }: Invocation, { base, theirs, hasMore }: Divergence): void {
  output.note(`diverged: the commits below, up to LSN ${base ?? 0}, are common to both sides`);
  if ("code" in theirs) {
    output.note(`what the other side committed is not known: ${theirs.message}`);
    return;
  }
  if (hasMore) output.note("the other side has more commits than are shown");
  for (const commit of [...theirs].reverse()) {
    output.row({ ...remoteFacts(commit), theirs: true }, `theirs    ${describeRemote(commit)}`);
  }
}

/** The last `count` commits up to what is known here, newest first. */
async function newestCommits(
  volume: Volume,
  last: Lsn,
  count: number,
  signal: AbortSignal,
): Promise<readonly RemoteCommitInfo[]> {
  const commits: RemoteCommitInfo[] = [];
  let next = toLsn(last >= BigInt(count) ? last - BigInt(count) + 1n : 1n);
  while (next <= last) {
    const page = await volume.remoteLog(next, { signal });
    const newest = page.commits.at(-1);
    if (newest === undefined) break;
    commits.push(...page.commits.filter(({ snapshot }) => snapshot.lsn <= last));
    next = toLsn(newest.snapshot.lsn + 1n);
  }
  return commits.reverse();
}
