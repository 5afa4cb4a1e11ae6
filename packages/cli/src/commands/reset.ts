import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { openDatabaseOf } from "../replica/open-database-of.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";
import { UsageError } from "../usage-error.ts";

/**
 * `graft reset TAG`: give up local commits, which are saved as a file first, and take the remote
 * ones.
 */
export const reset: Command = {
  name: "reset",
  summary: "give up local commits (saved as a file first) and take what is on the server",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: [
    {
      name: "save",
      value: "FILE",
      help: "where the local work goes",
      fallback: "in the data directory",
    },
    { name: "discard", help: "save nothing" },
    ...REPLICA_FLAGS,
  ],
  async run(invocation) {
    const { output, positionals, signal, surroundings, switches, values } = invocation;
    const file = values.get("save");
    const isDiscarded = switches.has("discard");
    if (isDiscarded && file !== undefined) {
      throw new UsageError("--save and --discard exclude each other: use one of them");
    }
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    await using database = await openDatabaseOf(volume, replica, surroundings);
    const { lsn, discardedCommitCount, savedFile } = await database.reset({
      signal,
      save: file ?? !isDiscarded,
    });
    const saved = savedFile === undefined ? "" : `, saved in "${savedFile}"`;
    output.result(
      { volume: volume.volumeId, lsn, discardedCommits: discardedCommitCount, savedFile },
      `reset to ${lsn === undefined ? "the empty volume" : `LSN ${lsn}`}: ` +
        `${discardedCommitCount} local commit(s) given up${saved}`,
    );
  },
};
