import type { LocalCommit, RemoteCommitInfo, Volume } from "@graft/client";
import { type Lsn, toLsn } from "@graft/core";
import { numberValue } from "../arguments.ts";
import type { Command, Invocation } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

const COUNT_DEFAULT = 20;
const COUNT_MAX = 1_000_000;

/** `graft log TAG`: local commits that are not yet sent, then the remote ones, newest first. */
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
    for (const commit of [...volume.pendingCommits()].reverse()) tellPending(invocation, commit);
    const { lsn } = volume.status().remote;
    if (lsn === undefined) {
      if (volume.pendingCommits().length === 0) output.note("no commits yet");
      return;
    }
    for (const commit of await newestCommits(volume, lsn, count, signal)) {
      tellRemote(invocation, commit);
    }
  },
};

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

function tellPending({ output }: Invocation, commit: LocalCommit): void {
  const { version, pageCount, pages, message, appTransactionId } = commit;
  const changedPages = pages.cardinality;
  output.row(
    { pending: true, version, pages: pageCount, changedPages, message, appTransactionId },
    `pending   version ${version}  ${changedPages} page(s) changed of ${pageCount}${quoted(message)}`,
  );
}

function tellRemote({ output }: Invocation, commit: RemoteCommitInfo): void {
  const { snapshot, changedPageCount, message, appTransactionId } = commit;
  const { lsn, pageCount } = snapshot;
  const at = new Date(snapshot.timestampMs).toISOString();
  output.row(
    {
      pending: false,
      lsn,
      at,
      pages: pageCount,
      changedPages: changedPageCount,
      message,
      appTransactionId,
    },
    `LSN ${lsn}  ${at}  ${changedPageCount} page(s) changed of ${pageCount}${quoted(message)}`,
  );
}

function quoted(message: string | undefined): string {
  return message === undefined ? "" : `  ${message}`;
}
