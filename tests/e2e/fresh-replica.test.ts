import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { toPageCount, toPageIndex, toPageSize } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { openDatabase } from "@graft/sqlite/node";
import { EngineInstance, MemoryContent, MemoryVfs } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDataset, DATASET_DEFAULT, datasetQueries } from "../bench/dataset.ts";
import { Cluster } from "../harness/cluster.ts";

const SHAPE = { ...DATASET_DEFAULT, posts: 20_000, users: 2_000, likes: 5_000 };
const PAGE_SIZE = SHAPE.pageSize;

/** A file in memory that remembers which pages were read. */
class WatchedContent extends MemoryContent {
  readonly pages = new Set<number>();

  override read(target: Uint8Array, offset: number): number {
    const last = Math.floor((offset + target.length - 1) / PAGE_SIZE);
    for (let at = Math.floor(offset / PAGE_SIZE); at <= last; at++) this.pages.add(at + 1);
    return super.read(target, offset);
  }
}

/** The pages the same SQLite reads for one query on a file, opening included. */
async function pagesTouched(
  file: string,
  sql: string,
  parameters: readonly number[],
): Promise<ReadonlySet<number>> {
  const content = new WatchedContent();
  content.write(readFileSync(file), 0);
  const instance = await EngineInstance.open(await loadNodeEngine(), {
    vfs: new MemoryVfs(new Map([["main.db", content]])),
    filename: "main.db",
    clock: systemClock,
    random: systemRandom,
  });
  const statement = await instance.prepare(sql);
  await statement.all(...parameters);
  await instance.close();
  return content.pages;
}

describe("a fresh replica of an imported database", () => {
  const directory = mkdtempSync(join(tmpdir(), "graft-fresh-"));
  const file = join(directory, "forum.db");
  let cluster: Cluster;
  let volume: string;

  beforeAll(async () => {
    createDataset(file, SHAPE);
    cluster = await Cluster.start({ network: "tcp" });
    const client = await cluster.openClient();
    const bytes = readFileSync(file);
    const pageCount = bytes.length / PAGE_SIZE;
    const { volume: imported } = await client.importVolume({
      pageSize: toPageSize(PAGE_SIZE),
      pageCount: toPageCount(pageCount),
      pages: Array.from({ length: pageCount }, (_, at) => ({
        index: toPageIndex(at + 1),
        data: new Uint8Array(bytes.subarray(at * PAGE_SIZE, (at + 1) * PAGE_SIZE)),
      })),
    });
    volume = imported.volumeId;
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  it.each(["suspend", "rerun"] as const)(
    "asks for no page that SQLite does not touch in a lookup, and answers as stock (%s)",
    async (missStrategy) => {
      const stock = new DatabaseSync(file, { readOnly: true });
      for (const { name, sql, parameters } of datasetQueries(SHAPE, 2)) {
        for (const values of parameters) {
          await using db = await openDatabase({
            sync: "manual",
            url: cluster.url,
            volume,
            missStrategy,
            prefetch: false,
          });
          expect(db.traffic()?.requests, "opening").toBeLessThanOrEqual(2);
          const rows = await db.prepare(sql).all(...values);
          expect(rows, name).toEqual(
            stock
              .prepare(sql)
              .all(...values)
              .map((row) => ({ ...row })),
          );
          // Without JSPI each miss costs a whole run: later ones bring their neighbours along.
          if (missStrategy === "rerun" && name !== "Q1") continue;
          const touched = await pagesTouched(file, sql, values);
          expect(db.status().cached.pages, name).toBeLessThanOrEqual(touched.size);
        }
      }
      stock.close();
    },
  );
});
