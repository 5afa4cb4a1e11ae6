/** From a write on A to a query on B that sees it, by push and pull. */
import type { Bench, BenchRow } from "./bench.ts";
import { median, percentile } from "./measure.ts";
import { openTwoReplicas } from "./two-replicas.ts";

const CYCLES = 200;

export const visibilityBench: Bench = {
  name: "visibility",
  what: "write on A, push, pull and query on B: until B answers with the new row",
  async run({ directory, rttMs }): Promise<readonly BenchRow[]> {
    await using pair = await openTwoReplicas(directory, rttMs);
    const { writer, reader } = pair;
    const insert = writer.prepare("INSERT INTO t(id, body) VALUES(?, ?)");
    const query = reader.prepare("SELECT body FROM t WHERE id = ?");
    const times: number[] = [];
    for (let id = 1; id <= CYCLES; id++) {
      const start = performance.now();
      await insert.run(id, `row ${id}`);
      await writer.push();
      await reader.pull();
      const row = await query.get(id);
      times.push(performance.now() - start);
      if (row === undefined) throw new Error(`row ${id} is not visible after a push and a pull`);
    }
    return [
      { name: "write on A to answer on B, p50", value: median(times), unit: "ms" },
      { name: "write on A to answer on B, p99", value: percentile(times, 0.99), unit: "ms" },
    ];
  },
};
