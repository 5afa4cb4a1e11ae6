/** What went wrong with replicas in systems like this one, as claims about the whole system. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Remote, Runtime } from "@graft/client";
import { MutablePageSet, type PageSet, pageRange, unionInto } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterAll, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { runMeasured } from "../harness/measured-graft.ts";
import { commitPages, readTags } from "../harness/pages.ts";

const directory = mkdtempSync(join(tmpdir(), "graft-replicas-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SCHEMA = "select type, name, sql from sqlite_schema order by name";

describe("a replica of an ordinary file", () => {
  it.each([
    { pageSize: 4096, journal: "delete" },
    { pageSize: 1024, journal: "wal" },
    { pageSize: 8192, journal: "wal" },
  ])("has its schema and its rows: $pageSize-byte pages, journal_mode $journal", async (shape) => {
    const file = join(directory, `${shape.journal}-${shape.pageSize}.db`);
    const stock = new DatabaseSync(file);
    stock.exec(`
      pragma page_size = ${shape.pageSize};
      pragma journal_mode = ${shape.journal};
      create table t(id integer primary key, body text unique);
      create view v as select count(*) as n from t;
      create trigger g after insert on t begin update t set body = body || '!' where id = new.id; end;
      with recursive i(id) as (select 1 union all select id + 1 from i where id < 2000)
        insert into t select id, 'row ' || id from i`);
    await using cluster = await Cluster.start({ network: "tcp" });
    const url = cluster.url ?? "";
    const words = [
      "import",
      file,
      "--tag",
      "t",
      "--path",
      join(directory, `${shape.pageSize}`),
      "--url",
      url,
    ];
    const { answer } = await runMeasured(words);
    await using replica = await openDatabase({
      sync: "manual",
      url,
      volume: String(answer.volume),
    });
    for (const sql of [SCHEMA, "select * from t", "select * from v"]) {
      const expected = stock
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
      expect(expected.length).toBeGreaterThan(0);
      expect(await replica.prepare(sql).all()).toEqual(expected);
    }
    stock.close();
  });
});

describe("an answer that is cut to its limit", () => {
  it("says what it covers: what it leaves out is asked for again, never taken for zeros", async () => {
    await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(1) });
    const a = await (await cluster.openClient()).createVolume();
    const tags = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [at + 1, at + 1]));
    commitPages(a, tags, 40);
    await a.push();
    const asked: PageSet[] = [];
    // As a server does that has room for one page only.
    const remote = watchReads(cluster.openRemote(), (pages) => {
      asked.push(pages);
      return pageRange(pages.first ?? 1, pages.first ?? 1);
    });
    const b = await (await openOn(cluster, remote)).openVolume(a.volumeId);
    expect(await readTags(b)).toEqual(Object.values(tags));
    expect(asked.length).toBeGreaterThan(1);
  });
});

describe("reading ahead", () => {
  it.each(["suspend", "rerun"] as const)(
    "asks for no page but 1 … page count, whatever a statement scans (%s)",
    async (missStrategy) => {
      await using cluster = await Cluster.start({ network: "memory", random: new SeededRandom(2) });
      const engine = await loadNodeEngine();
      const means = { engine, clock: systemClock, random: systemRandom };
      const writer = new Database({
        ...means,
        volume: await (await cluster.openClient()).createVolume(),
      });
      await writer.exec(`create table t(id integer primary key, body);
        with recursive i(id) as (select 1 union all select id + 1 from i where id < 3000)
          insert into t select id, zeroblob(1000) from i`);
      await writer.push();
      const { volumeId } = writer.volume;
      await writer.close();
      const asked = new MutablePageSet();
      const remote = watchReads(cluster.openRemote(), (pages) => {
        unionInto(asked, pages);
        return pages;
      });
      const volume = await (await openOn(cluster, remote)).openVolume(volumeId);
      const reader = new Database({ ...means, volume, missStrategy });
      const count = "select count(*) from t where length(body) = 1000";
      expect(await reader.prepare(count).pluck().get()).toBe(3000);
      expect(await reader.prepare(`${count} and id > 2990`).pluck().get()).toBe(10);
      const { pageCount } = volume.status().snapshot;
      expect(asked.cardinality).toBeGreaterThan(600);
      expect([asked.first, asked.last]).toEqual([1, pageCount]);
      await reader.close();
    },
  );
});

/** Answers reads of what `narrow` makes of each question. */
function watchReads(remote: Remote, narrow: (pages: PageSet) => PageSet): Remote {
  return {
    ...remote,
    readPages: (request, signal) =>
      remote.readPages({ ...request, pages: narrow(request.pages) }, signal),
  };
}

function openOn({ clock, random }: Cluster, remote: Remote): Promise<Runtime> {
  return Runtime.open({ remote, clock, random });
}
