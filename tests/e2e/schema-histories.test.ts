import { systemClock, systemRandom } from "@graft/core/node";
import { SimulatedDisk } from "@graft/core/testing";
import { type Database, openDatabaseWith } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";

const engine = await loadNodeEngine();

function open(cluster: Cluster, volume?: string): Promise<Database> {
  const means = {
    engine,
    clock: systemClock,
    random: systemRandom,
    fileSystem: new SimulatedDisk(),
    openRemote: () => cluster.openRemote(),
  };
  const options = { url: "memory", path: "/data", sync: "manual", recordStatements: true } as const;
  return openDatabaseWith(means, { ...options, ...(volume !== undefined && { volume }) });
}

/** Two histories that changed the schema as often, in other ways; the second one is in `mine`. */
async function divergedSchemas(cluster: Cluster): Promise<{ mine: Database; theirs: Database }> {
  const theirs = await open(cluster);
  await theirs.exec("create table item(id integer primary key, a, b); create table spare(x)");
  const rows = "with recursive i(n) as (select 1 union all select n + 1 from i where n < 500)";
  await theirs.exec(`${rows} insert into item select n, n % 7, 'b' || n from i`);
  await theirs.push();
  const mine = await open(cluster, theirs.volume.volumeId);
  await theirs.exec("create table other(y); create index spare_x on spare(x)");
  await theirs.push();
  await mine.exec("create index item_a on item(a)");
  await mine.exec("create index item_b on item(b)");
  // Its connections know the schema now.
  expect(await countOf(mine, "item indexed by item_a")).toBe(500);
  return { mine, theirs };
}

async function countOf(database: Database, from: string): Promise<unknown> {
  return await database.prepare(`select count(*) from ${from} where 1`).pluck().get();
}

describe("connections, after another history has counted its changes of the schema as far", () => {
  it("know the tables that a reset brings, and not the indexes that it took", async () => {
    await using cluster = await Cluster.start();
    const { mine, theirs } = await divergedSchemas(cluster);
    await mine.reset();
    expect(await countOf(mine, "other")).toBe(0);
    await expect(countOf(mine, "item indexed by item_a")).rejects.toThrow("no such index");
    await mine.exec("update item set a = a + 1; insert into other values (1)");
    expect(await mine.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    await mine.close();
    await theirs.close();
  });

  it("know both after a rebase", async () => {
    await using cluster = await Cluster.start();
    const { mine, theirs } = await divergedSchemas(cluster);
    await expect(mine.pull()).rejects.toMatchObject({ code: "diverged" });
    await mine.rebase();
    expect(await countOf(mine, "other")).toBe(0);
    expect(await countOf(mine, "item indexed by item_b")).toBe(500);
    await mine.exec("update item set a = a + 1; insert into other values (1)");
    expect(await mine.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    await mine.close();
    await theirs.close();
  });
});
