import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { formatBytes, formatCount } from "../format-units.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/** `graft pull TAG`: learn what others pushed. Pages come when they are read. */
export const pull: Command = {
  name: "pull",
  summary: "take what others have pushed; changed pages come when they are read",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { output, positionals, signal } = invocation;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    const { lsn, changedPageCount } = await volume.pull({ signal });
    const { requests, bytesUp, bytesDown } = replica.traffic();
    const bytes = bytesUp + bytesDown;
    const isNew = changedPageCount > 0;
    output.result(
      { volume: volume.volumeId, lsn, changedPages: changedPageCount, requests, bytes },
      `${isNew ? `${formatCount(changedPageCount)} page(s) changed, now` : "nothing new,"} at LSN ` +
        `${lsn ?? "none"} (${requests} requests, ${formatBytes(bytes)})`,
    );
  },
};
