/**
 * The local store by itself, without SQLite: what DESIGN §11 and issue 4 promise of it, beside raw
 * reads, writes and flushes in the same run.
 */
import type { Bench, BenchRow } from "./bench.ts";
import { openCosts } from "./store/open-costs.ts";
import { readCosts, readsAfterPulls } from "./store/read-costs.ts";
import { bulkCosts, commitCosts, spaceCosts } from "./store/write-costs.ts";

export const storeBench: Bench = {
  name: "store",
  what: "the local store: reads, commits, bulk, disk, memory and opening, against the raw disk",
  async run(context): Promise<readonly BenchRow[]> {
    const rows: BenchRow[] = [];
    for (const costs of [
      readCosts,
      readsAfterPulls,
      commitCosts,
      bulkCosts,
      spaceCosts,
      openCosts,
    ]) {
      rows.push(...(await costs(context)));
    }
    return rows;
  },
};
