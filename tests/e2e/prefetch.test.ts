/** Prefetching changes what a query costs, and nothing else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Remote } from "@graft/client";
import { openNodeRemote } from "@graft/client/node";
import { GraftError, intersects, MutablePageSet, type PageSet, toLsn, union } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { type Database, type OpenDatabaseOptions, openDatabaseWith } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDataset, datasetQueries } from "../bench/dataset.ts";
import { DelayProxy } from "../bench/delay-proxy.ts";
import { Cluster } from "../harness/cluster.ts";
import { runMeasured } from "../harness/measured-graft.ts";

const directory = mkdtempSync(join(tmpdir(), "graft-prefetch-"));
const FORUM = { posts: 12_000, users: 1200, likes: 3600, pageSize: 1024, seed: 7 };
const QUERIES = datasetQueries(FORUM, 3);
const RTT_MS = 50;

const engine = await loadNodeEngine();
let cluster: Cluster;
let stock: DatabaseSync;
let volume: string;

beforeAll(async () => {
  const file = join(directory, "forum.db");
  createDataset(file, FORUM);
  stock = new DatabaseSync(file, { readOnly: true });
  cluster = await Cluster.start({ network: "tcp", runsQueries: true });
  const { url = "" } = cluster;
  const words = ["import", file, "--tag", "t", "--path", join(directory, "first"), "--url", url];
  volume = String((await runMeasured(words)).answer.volume);
});

afterAll(async () => {
  stock.close();
  await cluster[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** A fresh replica in memory, whose remote is as `change` makes it. */
async function openChanged(
  change: (remote: Remote) => Partial<Remote>,
  options: OpenDatabaseOptions = {},
): Promise<Database> {
  const { url = "" } = cluster;
  const means = { engine, clock: systemClock, random: systemRandom, fileSystem: nodeFileSystem };
  const openRemote = (): Remote => {
    const remote = openNodeRemote({ url });
    return { ...remote, ...change(remote) };
  };
  const fixed = { url, volume, sync: "manual" } as const;
  return await openDatabaseWith({ ...means, openRemote }, { ...options, ...fixed });
}

async function expectSameAnswers(db: Database): Promise<void> {
  for (const { sql, parameters } of QUERIES) {
    for (const values of parameters) {
      const rows = await db.prepare(sql).all(...values);
      expect(rows).toEqual(
        stock
          .prepare(sql)
          .all(...values)
          .map((row) => ({ ...row })),
      );
    }
  }
}

const RUNGS: readonly OpenDatabaseOptions["prefetch"][] = [
  false,
  {},
  { openBytes: 0 },
  { readAheadBytes: 0 },
  { openBytes: 500, readAheadBytes: 5000 },
  { sessionBytes: 100 },
  { shareQueries: false },
  { openBytes: 0, readAheadBytes: 0 },
  { queryBytes: 3000 },
  { openBytes: 10_000_000, readAheadBytes: 100_000_000, sessionBytes: 4_000_000_000 },
];
const COMBINATIONS = RUNGS.flatMap((prefetch) =>
  (["suspend", "rerun"] as const).map((missStrategy) => ({ prefetch, missStrategy })),
);

describe("the answers of SQL are the same", () => {
  it.each(COMBINATIONS)("with $prefetch, pages missed by $missStrategy", async (options) => {
    await using db = await openDatabase({ ...options, url: cluster.url, volume, sync: "manual" });
    await expectSameAnswers(db);
  });

  it.each(RUNGS)("with %o, beside local work, and after what others pushed", async (prefetch) => {
    const { url } = cluster;
    const path = join(directory, `own-${RUNGS.indexOf(prefetch)}`);
    await using theirs = await openDatabase({ url, path, sync: "manual", tag: "other" });
    await theirs.exec("create table t(id integer primary key, v text); create index i on t(v)");
    const rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)";
    await theirs.exec(`${rows} insert into t select i, 'v' || i % 100 from n`);
    await theirs.push();
    const other = theirs.volume.volumeId;
    await using mine = await openDatabase({ url, volume: other, sync: "manual", prefetch });
    const count = mine.prepare("select count(*), sum(id) from t indexed by i where v > 'v5'");
    await mine.exec("update t set v = 'x' || v where id between 1000 and 1500");
    const before = await count.get();
    await mine.push();
    await theirs.pull();
    await theirs.exec("delete from t where id % 3 = 0");
    await theirs.push();
    await mine.pull();
    const theirCount = theirs.prepare("select count(*), sum(id) from t where v > 'v5'");
    expect(await count.get()).toEqual(await theirCount.get());
    expect(await count.get()).not.toEqual(before);
    expect(await mine.prepare("pragma integrity_check").pluck().get()).toBe("ok");
  });
});

describe("a fresh replica", () => {
  it("finds a row by its key in 2 round trips and 64 KiB, opening included", async () => {
    const [{ sql, parameters } = { sql: "", parameters: [] }] = QUERIES;
    // What the first ones ask for is then at hand.
    for (let again = 0; again < 20; again++) {
      await using db = await openDatabase({ url: cluster.url, volume, sync: "manual" });
      await db.prepare(sql).all(...(parameters[0] ?? []));
    }
    for (const values of parameters) {
      await using proxy = await DelayProxy.start(cluster.url ?? "", RTT_MS);
      await using db = await openDatabase({ url: proxy.url, volume, sync: "manual" });
      expect(await db.prepare(sql).all(...values)).toHaveLength(1);
      expect(proxy.roundTrips).toBeLessThanOrEqual(2);
      expect(proxy.requests).toBeLessThanOrEqual(3);
      expect(proxy.receivedBytes).toBeLessThanOrEqual(64 * 1024);
    }
  });

  it("without prefetch asks for one page at a time, and for nothing at all to open", async () => {
    const [{ sql, parameters } = { sql: "", parameters: [] }] = QUERIES;
    await using proxy = await DelayProxy.start(cluster.url ?? "", 0);
    const options = { url: proxy.url, volume, sync: "manual", prefetch: false } as const;
    await using db = await openDatabase(options);
    expect([proxy.requests, db.status().cached.pages]).toEqual([1, 0]);
    await db.prepare(sql).all(...(parameters[0] ?? []));
    expect(db.status().cached.pages).toBe(proxy.requests - 1);
  });

  it("scans a table in a few requests, with hardly more bytes than it has", async () => {
    const scan = QUERIES[4]?.sql ?? "";
    const costs: { requests: number; bytes: number }[] = [];
    for (const prefetch of [false, {}] as const) {
      await using proxy = await DelayProxy.start(cluster.url ?? "", 0);
      await using db = await openDatabase({ url: proxy.url, volume, sync: "manual", prefetch });
      expect(await db.prepare(scan).all()).toHaveLength(1);
      costs.push({ requests: proxy.requests, bytes: proxy.receivedBytes });
    }
    const [off, on] = costs;
    expect(on?.requests).toBeLessThan((off?.requests ?? 0) / 20);
    expect(on?.bytes).toBeLessThan(off?.bytes ?? 0);
  });

  it("never asks for a page twice, whatever runs at once", async () => {
    const asked: number[] = [];
    let underWay: PageSet = new MutablePageSet();
    let twice = 0;
    const watch = (remote: Remote): Partial<Remote> => ({
      async readPages(request, signal) {
        const all = union(request.pages, request.prefetch ?? new MutablePageSet());
        if (intersects(all, underWay)) twice++;
        asked.push(...request.pages);
        underWay = union(underWay, all);
        try {
          return await remote.readPages(request, signal);
        } finally {
          const left = new MutablePageSet();
          for (const index of underWay) if (!all.contains(index)) left.insert(index);
          underWay = left;
        }
      },
    });
    await using db = await openChanged(watch, { prefetch: {} });
    const runs = QUERIES.flatMap(({ sql, parameters }) =>
      parameters.map((values) => db.prepare(sql).all(...values)),
    );
    await Promise.all(runs);
    expect([twice, asked.length]).toEqual([0, new Set(asked).size]);
  });
});

describe("a hint that comes to nothing", () => {
  it("of a server that knows none costs one refused request", async () => {
    const refuse = async (): Promise<never> => {
      throw new GraftError("invalid-argument", "LSN 0: expected 1 or more");
    };
    await using db = await openChanged(() => ({ readBundle: refuse }));
    await expectSameAnswers(db);
  });

  it("of a snapshot that is not ours any more is left alone", async () => {
    const old = (remote: Remote): Partial<Remote> => ({
      async readBundle(request, signal) {
        const bundle = await remote.readBundle?.(request, signal);
        if (bundle === undefined) throw new GraftError("internal", "there are bundles");
        const pages = bundle.pages.map(({ index, data }) => ({ index, data: data.fill(7) }));
        return { ...bundle, pages, lsn: toLsn(bundle.lsn + 1n) };
      },
    });
    await using db = await openChanged(old);
    await expectSameAnswers(db);
  });

  it("that never comes ends with the query that waits for it", async () => {
    const never = (_request: unknown, signal?: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason as Error));
      });
    await using db = await openChanged(() => ({ readBundle: never }));
    const controller = new AbortController();
    const reader = db.volume.openReader();
    const waiting = reader.fetch(MutablePageSet.from([1]), controller.signal);
    controller.abort(new Error("nobody waits any more"));
    await expect(waiting).rejects.toThrow("nobody waits any more");
    reader.close();
    await expectSameAnswers(db);
  });
});
