import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { runSqlHistory, StockDatabase } from "@graft/sqlite/testing";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { AlternatingReplicas } from "../harness/sql-subjects.ts";

/** Eight histories of this length: 10,000 statements. */
const STEP_COUNT = 1250;

const CASES = (["suspend", "rerun"] as const).flatMap((missStrategy) =>
  [
    { seed: 11, pageSize: 4096, vacuum: "none" },
    { seed: 12, pageSize: 512, vacuum: "none" },
    { seed: 13, pageSize: 65_536, vacuum: "none" },
    { seed: 14, pageSize: 1024, vacuum: "incremental" },
  ].map((shape) => ({ ...shape, missStrategy })),
);

describe("random SQL on two replicas that push and pull in between", () => {
  it.each(CASES)(
    "says what node:sqlite says: seed $seed, $pageSize-byte pages, auto_vacuum $vacuum, $missStrategy",
    async ({ seed, pageSize, vacuum, missStrategy }) => {
      const directory = mkdtempSync(join(tmpdir(), "graft-random-sql-"));
      await using cluster = await Cluster.start({ network: "tcp" });
      const common = {
        sync: "manual",
        url: cluster.url,
        missStrategy,
        durability: "relaxed",
      } as const;
      const schema = `PRAGMA auto_vacuum=${vacuum}; CREATE TABLE first(x)`;
      const stockPath = join(directory, "stock.db");
      const stock = new StockDatabase(stockPath, `PRAGMA page_size=${pageSize}`);
      await stock.exec(schema);
      const replicas = await AlternatingReplicas.create(
        () => openDatabase({ ...common, path: join(directory, "a"), tag: "t", pageSize }),
        (volume) => openDatabase({ ...common, path: join(directory, "b"), volume }),
        schema,
      );
      const chance = new SeededRandom(seed + 100);
      let handOvers = 0;
      await runSqlHistory({
        random: new SeededRandom(seed),
        stepCount: STEP_COUNT,
        subjects: [stock, replicas],
        between: async () => {
          if (stock.isInTransaction || chance.integer(0, 19) !== 0) return;
          await replicas.handOver();
          handOvers++;
        },
      });
      expect(handOvers).toBeGreaterThan(10);

      // A close rolls back what is open, here as there.
      await stock.reopen();
      await replicas.reopen();
      await replicas.handOver();
      const exportPath = join(directory, "export.db");
      await replicas.active.exportTo(exportPath);
      const exported = new StockDatabase(exportPath);
      expect(await exported.all("PRAGMA integrity_check")).toEqual([["ok"]]);
      await runSqlHistory({
        random: new SeededRandom(seed),
        stepCount: 0,
        subjects: [stock, exported],
      });
      await replicas.close();
      exported.close();
      stock.close();
      rmSync(directory, { recursive: true });
    },
    300_000,
  );
});
