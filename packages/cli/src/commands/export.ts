import { exportDatabase } from "@graft/sqlite";
import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { formatBytes, formatCount, formatDuration } from "../format-units.ts";
import { ProgressBar } from "../progress.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/**
 * `graft export TAG FILE`: the latest local snapshot as a plain SQLite file, whole or not at all.
 */
export const exportCommand: Command = {
  name: "export",
  summary: "write a replica as a plain SQLite file",
  positionals: "TAG FILE",
  positionalCount: { min: 2, max: 2 },
  flags: [{ name: "force", help: "replace FILE when it exists" }, ...REPLICA_FLAGS],
  async run(invocation) {
    const { output, positionals, signal, switches } = invocation;
    const [tag = "", path = ""] = positionals;
    const { clock, fileSystem, random } = invocation.surroundings;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, tag, signal);
    const startMs = clock.monotonicMs();
    const bar = new ProgressBar("export", volume.pageSize, output, clock);
    const reader = volume.openReader();
    try {
      const { pages, bytes } = await exportDatabase({
        reader,
        fileSystem,
        random,
        path,
        replace: switches.has("force"),
        signal,
        onProgress: (progress) => bar.update(progress),
      }).finally(() => bar.end());
      const seconds = (clock.monotonicMs() - startMs) / 1000;
      output.result(
        { volume: volume.volumeId, lsn: reader.lsn, pages, bytes, seconds, file: path },
        `exported "${tag}" to "${path}": ${formatCount(pages)} pages, ${formatBytes(bytes)} in ` +
          formatDuration(seconds * 1000),
      );
    } finally {
      reader.close();
    }
  },
};
