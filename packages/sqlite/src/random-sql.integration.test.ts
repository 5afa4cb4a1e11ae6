import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toPageSize } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { exportDatabase } from "./export/export-database.ts";
import { runSqlHistory, type SqlSubject } from "./testing/compare-sql.ts";
import { FakeVolume } from "./testing/fake-volume.ts";
import { openTestDatabase } from "./testing/open-test-database.ts";
import { StockDatabase } from "./testing/stock-database.ts";

/** Eight histories of this length: 10,000 statements. */
const STEP_COUNT = 1250;

function createSubject(
  volume: FakeVolume,
  missStrategy: "suspend" | "rerun",
): SqlSubject & { close(): Promise<void> } {
  const open = () => openTestDatabase({ volume, missStrategy }).db;
  let db = open();
  return {
    name: `graft (${missStrategy})`,
    exec: (sql) => db.exec(sql),
    all: async (sql) => {
      const query = db.prepare(sql);
      query.setReadBigInts(true);
      return await query.raw().all();
    },
    reopen: async () => {
      await db.close();
      db = open();
    },
    close: () => db.close(),
  };
}

const CASES = (["suspend", "rerun"] as const).flatMap((strategy) =>
  [
    { seed: 1, pageSize: 4096, pragmas: "" },
    { seed: 2, pageSize: 512, pragmas: "" },
    { seed: 3, pageSize: 1024, pragmas: "pragma auto_vacuum=full" },
    { seed: 4, pageSize: 4096, pragmas: "pragma auto_vacuum=incremental" },
  ].map((shape) => ({ ...shape, strategy })),
);

describe("random SQL says what node:sqlite says", () => {
  test.each(CASES)("seed $seed, $pageSize-byte pages, $strategy $pragmas", async (shape) => {
    const directory = mkdtempSync(join(tmpdir(), "graft-sql-"));
    const random = new SeededRandom(shape.seed);
    const chance = new SeededRandom(shape.seed + 100);
    const volume = new FakeVolume({
      pageSize: toPageSize(shape.pageSize),
      onFetch: () => (chance.integer(0, 9) === 0 ? systemClock.sleep(1) : Promise.resolve()),
    });
    const size = `pragma page_size=${shape.pageSize};`;
    const stock = new StockDatabase(join(directory, "stock.db"), size + shape.pragmas);
    const graft = createSubject(volume, shape.strategy);
    if (shape.pragmas !== "")
      for (const one of [stock, graft]) {
        await one.exec(`${shape.pragmas}; create table first(x)`);
      }
    // Without JSPI a COMMIT that vacuums cannot wait for a page: it fails, to be run again.
    const mayEvict = !(shape.strategy === "rerun" && shape.pragmas.includes("full"));
    const between = async (): Promise<void> => {
      const kind = chance.integer(0, 39);
      if (kind === 0 && mayEvict) volume.evict();
      if (kind === 1 && mayEvict)
        volume.evict(Array.from({ length: 30 }, () => chance.integer(2, 300)));
      if (kind === 2) await volume.push();
    };
    await runSqlHistory({ random, stepCount: STEP_COUNT, subjects: [stock, graft], between });
    await graft.close();
    expect([volume.openReaderCount, volume.hasOpenWriter]).toEqual([0, false]);

    // Closing rolled back what was open; stock does the same.
    await stock.reopen();
    const path = join(directory, "export.db");
    const reader = volume.openReader();
    await exportDatabase({ reader, fileSystem: nodeFileSystem, random: systemRandom, path });
    const exported = new StockDatabase(path);
    expect(await exported.all("pragma integrity_check")).toEqual([["ok"]]);
    await runSqlHistory({ random, stepCount: 0, subjects: [stock, exported] });
    stock.close();
    exported.close();
    rmSync(directory, { recursive: true });
  });
});
