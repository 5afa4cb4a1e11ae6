/** News that arrives while a write transaction is open. */
import type { Volume } from "@graft/client";
import { type PageSet, pageRange, toPageCount, toPageIndex } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { Database } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { commitPages, readTags, readTagsOf, tagPage } from "../harness/pages.ts";

const engine = await loadNodeEngine();
const means = { engine, clock: systemClock, random: systemRandom };

async function openPair(cluster: Cluster): Promise<{ a: Volume; b: Volume }> {
  const a = await (await cluster.openClient()).createVolume();
  commitPages(a, { 1: 11, 2: 22, 3: 33 }, 3);
  await a.push();
  const b = await (await cluster.openClient()).openVolume(a.volumeId);
  await b.hydrate();
  return { a, b };
}

/** Pulls, and returns when what came waits for the open writer. */
async function pullBehindWriter(volume: Volume): Promise<{ readonly pulling: Promise<unknown> }> {
  const pulling = volume.pull();
  pulling.catch(() => undefined);
  await systemClock.sleep(60);
  return { pulling };
}

function commitWith(volume: Volume, writes: Record<number, number>, reads?: PageSet): () => void {
  const writer = volume.openWriter();
  if (writer === undefined) throw new Error("another writer is open");
  for (const [index, tag] of Object.entries(writes)) {
    writer.write(toPageIndex(Number(index)), tagPage(volume.pageSize, tag));
  }
  const { pageCount } = writer.base;
  return () => {
    try {
      writer.commit({ pageCount, ...(reads !== undefined && { reads }) });
    } finally {
      writer.rollback();
    }
  };
}

describe("news during a write transaction", () => {
  it("that it does not meet lies below its commit, which takes the new page count", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(61) });
    const { a, b } = await openPair(cluster);
    commitPages(a, { 2: 222, 4: 44 }, 4);
    await a.push();
    const commit = commitWith(b, { 3: 333 }, pageRange(3, 3));
    const { pulling } = await pullBehindWriter(b);
    commit();
    expect(b.status()).toMatchObject({ state: "pending", snapshot: { version: 3, pageCount: 4 } });
    expect(await readTags(b)).toEqual([11, 222, 333, 44]);
    expect(await pulling).toMatchObject({ lsn: 2n });
    await b.push();
    await a.pull();
    expect(await readTags(a)).toEqual([11, 222, 333, 44]);
  });

  it.each([
    ["reads", { 3: 333 }, pageRange(2, 3)],
    ["writes", { 2: 200 }, pageRange(3, 3)],
    ["may have read", { 3: 333 }, undefined],
  ])(
    "that changed what it %s fails its COMMIT, and is there for the next",
    async (_, writes, reads) => {
      await using cluster = await Cluster.start({ random: new SeededRandom(62) });
      const { a, b } = await openPair(cluster);
      commitPages(a, { 2: 222 }, 3);
      await a.push();
      const commit = commitWith(b, writes, reads);
      const { pulling } = await pullBehindWriter(b);
      expect(commit).toThrow(expect.objectContaining({ code: "busy-snapshot" }));
      await pulling;
      commitWith(b, writes, reads)();
      expect(b.status()).toMatchObject({ state: "pending", remote: { lsn: 2n } });
    },
  );

  it("goes below pending commits, too, that it does not meet", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(63) });
    const { a, b } = await openPair(cluster);
    commitPages(a, { 2: 222 }, 3);
    await a.push();
    commitWith(b, { 3: 300 }, pageRange(3, 3))();
    const commit = commitWith(b, { 3: 333 }, pageRange(3, 3));
    const { pulling } = await pullBehindWriter(b);
    commit();
    await pulling;
    expect(b.status()).toMatchObject({ state: "pending", local: { pending: 2 } });
    expect(await readTags(b)).toEqual([11, 222, 333]);
    await b.push();
    await a.pull();
    expect(await readTags(a)).toEqual([11, 222, 333]);
  });

  it("that pending commits meet never fails a COMMIT: the volume is diverged", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(64) });
    const { a, b } = await openPair(cluster);
    commitPages(a, { 2: 222 }, 3);
    await a.push();
    commitWith(b, { 2: 200 }, pageRange(2, 2))();
    const commit = commitWith(b, { 3: 333 }, pageRange(2, 3));
    const { pulling } = await pullBehindWriter(b);
    commit();
    await expect(pulling).rejects.toMatchObject({ code: "diverged" });
    expect(await readTags(b)).toEqual([11, 200, 333]);
  });

  it("leaves whoever reads on in the transaction's snapshot just that", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(65) });
    const { a, b } = await openPair(cluster);
    commitPages(a, { 2: 222 }, 3);
    await a.push();
    const writer = b.openWriter();
    writer?.write(toPageIndex(3), tagPage(b.pageSize, 333));
    const { pulling } = await pullBehindWriter(b);
    const request = { pageCount: toPageCount(3), reads: pageRange(3, 3), opensReader: true };
    const outcome = writer?.commit(request);
    const reader = outcome?.kind === "committed" ? outcome.reader : undefined;
    expect(reader).toMatchObject({ version: 2, isLatest: false });
    expect(reader && (await readTagsOf(reader))).toEqual([11, 22, 333]);
    reader?.close();
    await pulling;
    expect(await readTags(b)).toEqual([11, 222, 333]);
  });
});

const TABLES = `create table l(id integer primary key, v); create table r(id integer primary key, v);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 40)
    insert into l select i, hex(zeroblob(1000)) from n;
  insert into r values (1, 'r')`;

describe("SQL during which news arrives", () => {
  async function openTables(cluster: Cluster): Promise<{ a: Database; volume: Volume }> {
    const first = await (await cluster.openClient()).createVolume();
    const a = new Database({ volume: first, ...means });
    await a.exec(TABLES);
    await a.push();
    const volume = await (await cluster.openClient()).openVolume(first.volumeId);
    await volume.hydrate();
    return { a, volume };
  }

  it("is committed at once on the new base when it touched other tables", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(66) });
    const { a, volume } = await openTables(cluster);
    const b = new Database({ volume, ...means });
    await a.exec("update l set v = 'theirs' where id = 20");
    await a.push();
    let runs = 0;
    await b.transaction(async (tx) => {
      runs++;
      await tx.exec("insert into r values (2, 'b')");
      await pullBehindWriter(volume);
    });
    expect(runs).toBe(1);
    expect(b.status()).toMatchObject({ state: "pending", remote: { lsn: 2n } });
    // On the same connection: its cache was emptied.
    await b.transaction(async (tx) => {
      expect(await tx.prepare("select v from l where id = 20").pluck().get()).toBe("theirs");
    });
    await b.push();
    await a.pull();
    expect(await a.prepare("select count(*) from r").pluck().get()).toBe(2);
    expect(await a.prepare("pragma integrity_check").pluck().get()).toBe("ok");
  });

  it("runs again on the new base when it read what changed, in this transaction or before", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(67) });
    const { a, volume } = await openTables(cluster);
    const b = new Database({ volume, ...means });
    await b.transaction((tx) => tx.prepare("select count(v) from l").all());
    await a.exec("update l set v = 'theirs' where id = 20");
    await a.push();
    const seen: unknown[] = [];
    await b.transaction(async (tx) => {
      seen.push(await tx.prepare("select count(*) from l where v = 'theirs'").pluck().get());
      await tx.prepare("insert into r values (2, ?)").run(String(seen.at(-1)));
      if (seen.length === 1) await pullBehindWriter(volume);
    });
    expect(seen).toEqual([0, 1]);
    expect(await b.prepare("select v from r where id = 2").pluck().get()).toBe("1");
  });
});
