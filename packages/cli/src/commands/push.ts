import type { PushResult } from "@graft/client";
import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { formatBytes } from "../format-units.ts";
import { ProgressBar } from "../progress.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/** `graft push TAG`: all local commits as one remote commit. */
export const push: Command = {
  name: "push",
  summary: "send local commits to the server",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: [
    { name: "message", value: "TEXT", help: "stored with the commit, for graft log" },
    ...REPLICA_FLAGS,
  ],
  async run(invocation) {
    const { output, positionals, signal, surroundings, values } = invocation;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    const bar = new ProgressBar("push", volume.pageSize, output, surroundings.clock);
    const message = values.get("message");
    const result = await volume
      .push({
        signal,
        onProgress: (progress) => bar.update(progress),
        ...(message !== undefined && { message }),
      })
      .finally(() => bar.end());
    const { requests, bytesUp, bytesDown } = replica.traffic();
    const bytes = bytesUp + bytesDown;
    output.result(
      {
        volume: volume.volumeId,
        ...pushFacts(result, volume.status().remote.lsn),
        requests,
        bytes,
      },
      `${describe(result)} (${requests} requests, ${formatBytes(bytes)})`,
    );
  },
};

function pushFacts(result: PushResult, lsn: bigint | undefined): Readonly<Record<string, unknown>> {
  return result.kind === "pushed"
    ? { pushed: true, lsn: result.lsn, commits: result.commitCount, pages: result.pageCount }
    : { pushed: false, lsn, commits: 0, pages: 0 };
}

function describe(result: PushResult): string {
  if (result.kind === "nothing-to-push") return "nothing to push";
  return `pushed ${result.commitCount} commit(s), ${result.pageCount} page(s), as LSN ${result.lsn}`;
}
