import { parsePageList } from "@graft/sqlite";
import type { Command } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { formatBytes, formatCount } from "../format-units.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";

/** `graft fetch TAG [PAGES]`: brings pages of the present snapshot here, ahead of the queries. */
export const fetch: Command = {
  name: "fetch",
  summary: "bring pages of the present snapshot here, ahead of the queries",
  positionals: "TAG [PAGES]",
  positionalCount: { min: 1, max: 2 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { output, positionals, signal } = invocation;
    const [tag = "", list = "all"] = positionals;
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, tag, signal);
    const reader = volume.openReader();
    try {
      const pages = parsePageList(list, reader.pageCount);
      const before = volume.status().cached.pages;
      await reader.fetch(pages, signal);
      const fetchedPages = volume.status().cached.pages - before;
      const { requests, bytesUp, bytesDown } = replica.traffic();
      const bytes = bytesUp + bytesDown;
      output.result(
        {
          volume: volume.volumeId,
          lsn: reader.lsn,
          pages: pages.cardinality,
          fetchedPages,
          requests,
          bytes,
        },
        `${formatCount(pages.cardinality)} page(s) are here, ${formatCount(fetchedPages)} of them new ` +
          `(${requests} requests, ${formatBytes(bytes)})`,
      );
    } finally {
      reader.close();
    }
  },
};
