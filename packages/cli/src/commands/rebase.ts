import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { openDatabaseOf } from "../replica/open-database-of.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/** `graft rebase TAG`: run local commits again, by their recorded statements, on remote ones. */
export const rebase: Command = {
  name: "rebase",
  summary: "run local commits again on what is on the server; what fails goes to the outbox",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { output, positionals, signal, surroundings } = invocation;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    await using database = await openDatabaseOf(volume, replica, surroundings);
    const { lsn, rebasedCount, rejectedCount, savedFile } = await database.rebase({ signal });
    const onto = lsn === undefined ? "the empty volume" : `LSN ${lsn}`;
    const saved = savedFile === undefined ? "" : `; the work as it was is in "${savedFile}"`;
    output.result(
      { volume: volume.volumeId, lsn, rebased: rebasedCount, rejected: rejectedCount, savedFile },
      rebasedCount + rejectedCount === 0
        ? "nothing to rebase"
        : `${rebasedCount} transaction(s) run again on ${onto}, ` +
            `${rejectedCount} in the outbox${saved}`,
    );
  },
};
