import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { formatBytes, formatCount, formatDuration } from "../format-units.ts";
import { ProgressBar } from "../progress.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/** `graft hydrate TAG`: every page comes here. Interrupted, it goes on where it stopped. */
export const hydrate: Command = {
  name: "hydrate",
  summary: "bring every page here, for work without a network",
  positionals: "TAG",
  positionalCount: { min: 1, max: 1 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { output, positionals, signal } = invocation;
    const { clock } = invocation.surroundings;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, positionals[0] ?? "", signal);
    const startMs = clock.monotonicMs();
    const bar = new ProgressBar("hydrate", volume.pageSize, output, clock);
    const { fetchedPageCount } = await volume
      .hydrate({ signal, onProgress: (progress) => bar.update(progress) })
      .finally(() => bar.end());
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    const { requests, bytesUp, bytesDown } = replica.traffic();
    const bytes = bytesUp + bytesDown;
    const { cached, snapshot } = volume.status();
    output.result(
      {
        volume: volume.volumeId,
        fetchedPages: fetchedPageCount,
        pages: snapshot.pageCount,
        cachedPages: cached.pages,
        requests,
        bytes,
        seconds,
      },
      `fetched ${formatCount(fetchedPageCount)} page(s) in ${formatDuration(seconds * 1000)} ` +
        `(${requests} requests, ${formatBytes(bytes)}): all ${formatCount(snapshot.pageCount)} are here`,
    );
  },
};
