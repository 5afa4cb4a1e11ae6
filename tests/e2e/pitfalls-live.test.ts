/** What went wrong with syncing in the background in systems like this one, as claims. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { FaultProxy } from "../harness/fault-proxy.ts";
import { until } from "../harness/until.ts";

const directory = mkdtempSync(join(tmpdir(), "graft-live-"));
let path: string;
let count = 0;

beforeEach(() => {
  path = join(directory, `data-${++count}`);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function startCluster(): Promise<{ cluster: Cluster; url: string }> {
  const cluster = await Cluster.start({ network: "tcp" });
  return { cluster, url: cluster.url ?? "" };
}

async function countOf(db: Database): Promise<number> {
  return Number(await db.prepare("select count(*) from t").pluck().get());
}

/** A replica holds as many rows, by itself. */
async function untilHolds(replica: Database, rows: number): Promise<void> {
  await until(async () => (await countOf(replica)) === rows);
}

describe("a writer whose commits are pushed by themselves, one after the other,", () => {
  it.each(Array.from({ length: 12 }, (_, at) => at + 1))(
    "allocates pages that are pushed at once, and neither its connection nor its pushes suffer (%i)",
    async () => {
      const { cluster, url } = await startCluster();
      await using _ = cluster;
      await using db = await openDatabase({ url, path });
      await db.exec("create table t(id integer primary key, body)");
      await until(() => db.status().local.pending === 0);
      await using replica = await openDatabase({ url, volume: db.volume.volumeId });
      const before = cluster.store.meter.snapshot().create.requests;
      const pushes = (): number => cluster.store.meter.snapshot().create.requests - before;
      let rows = 0;
      const startMs = performance.now();
      // A busy disk takes its time for each of them; that they starve shows all the same.
      for (
        let ms = 0;
        ms < 350 || (pushes() <= 5 && ms < 4_000);
        ms = performance.now() - startMs
      ) {
        // Every third one allocates pages.
        const size = rows % 3 === 0 ? 5000 : 20;
        await db.prepare("insert into t(body) values (zeroblob(?))").run(size);
        rows++;
        await wait(2);
      }
      expect(pushes(), "it pushed all the while").toBeGreaterThan(5);
      expect(await db.prepare("pragma integrity_check").pluck().all()).toEqual(["ok"]);
      await until(() => db.status().local.pending === 0);
      await untilHolds(replica, rows);
      expect(await replica.prepare("pragma integrity_check").pluck().all()).toEqual(["ok"]);
    },
  );
});

describe("a push by hand beside the one that goes by itself", () => {
  it.each(Array.from({ length: 8 }, (_, at) => at + 1))(
    "ends well, and what is committed afterwards is still pushed by itself (%i)",
    async () => {
      const { cluster, url } = await startCluster();
      await using _ = cluster;
      await using db = await openDatabase({ url, path });
      await db.exec("create table t(id integer primary key, body)");
      await db.push();
      await using replica = await openDatabase({ url, volume: db.volume.volumeId });
      const insert = db.prepare("insert into t(body) values ('x')");
      for (let row = 0; row < 20; row++) {
        await insert.run();
        const byHand = row % 3 === 0 ? db.push() : db.exec("pragma graft_push");
        await Promise.all([byHand, db.sync(), row % 2 === 0 ? insert.run() : db.pull()]);
      }
      const rows = await countOf(db);
      expect(rows).toBe(30);
      await untilHolds(replica, rows);
      await insert.run();
      await untilHolds(replica, rows + 1);
      // The news may be here before the answer to the push.
      await until(() => db.status().state === "synced");
      expect(db.status().lastError).toBeUndefined();
    },
  );
});

describe("syncing in the background", () => {
  it("fails no local transaction: COMMIT of one that was open while pushes ended, and began, succeeds", async () => {
    const { cluster, url } = await startCluster();
    await using _ = cluster;
    await using db = await openDatabase({ url, path });
    await db.exec("create table t(id integer primary key, body)");
    for (let row = 0; row < 40; row++) {
      let runs = 0;
      await db.transaction(async (tx) => {
        runs++;
        await tx.exec("insert into t(body) values ('a')");
        // The one before is on its way, and arrives.
        await wait(row % 8);
        await tx.exec("insert into t(body) values ('b')");
      });
      expect(runs, "nothing was run again").toBe(1);
    }
    expect(await countOf(db)).toBe(80);
    await until(() => db.status().state === "synced");
  });

  it("of a diverged volume is told, and delays no other volume of the process", async () => {
    const { cluster, url } = await startCluster();
    await using _ = cluster;
    const volumes: Record<string, string> = {};
    for (const tag of ["broken", "sound"]) {
      await using db = await openDatabase({ url, path, tag, sync: "manual" });
      await db.exec("create table t(id integer primary key, body); insert into t values (1, 'x')");
      await db.push();
      await db.exec("update t set body = 'mine'");
      if (tag === "sound") await db.push();
      volumes[tag] = db.volume.volumeId;
    }
    await using other = await openDatabase({ url, volume: volumes.broken, sync: "manual" });
    await other.exec("update t set body = 'theirs'");
    await other.push();
    await using broken = await openDatabase({ url, path, tag: "broken" });
    await using sound = await openDatabase({ url, path, tag: "sound" });
    await using replica = await openDatabase({ url, volume: volumes.sound });
    await until(() => broken.status().state === "diverged");
    for (let row = 2; row < 12; row++) {
      const startMs = performance.now();
      await sound.prepare("insert into t values (?, 'y')").run(row);
      await untilHolds(replica, row);
      expect(performance.now() - startMs).toBeLessThan(2000);
    }
    expect(broken.status(), "it is there, and said").toMatchObject({
      state: "diverged",
      local: { pending: 1 },
    });
  });

  it("of a volume that is written all the time delays no news of another one", async () => {
    const { cluster, url } = await startCluster();
    await using _ = cluster;
    await using busy = await openDatabase({ url, path, tag: "busy" });
    await using quiet = await openDatabase({ url, path, tag: "quiet" });
    for (const db of [busy, quiet]) await db.exec("create table t(id integer primary key, body)");
    await quiet.push();
    await using elsewhere = await openDatabase({ url, volume: quiet.volume.volumeId });
    const ended = new AbortController();
    const writing = (async () => {
      while (!ended.signal.aborted) {
        await busy.exec("insert into t(body) values (zeroblob(300))");
        await wait(0);
      }
    })();
    for (let row = 1; row <= 10; row++) {
      const startMs = performance.now();
      await elsewhere.prepare("insert into t values (?, 'y')").run(row);
      await untilHolds(quiet, row);
      expect(performance.now() - startMs).toBeLessThan(2000);
    }
    ended.abort();
    await writing;
    await until(() => busy.status().state === "synced");
  });

  it("that stalls is an alarm: lag grows, the last error says since when, both end with it", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    await using proxy = await FaultProxy.start({ target: () => cluster.url });
    await using db = await openDatabase({ url: proxy.url, path });
    await db.exec("create table t(id integer primary key, body)");
    const isLive = (): boolean => db.status().sync?.connection === "live";
    await until(() => isLive() && db.status().state === "synced" && db.status().lagMs === 0);
    const errors: unknown[] = [];
    db.on("error", (error) => errors.push(error));
    const stalledMs = Date.now();
    await cluster.stopServices();
    await db.exec("insert into t values (1, 'x')");
    await until(() => db.status().lastError !== undefined && db.status().lagMs !== 0);
    const first = db.status();
    expect(first.lastError?.error.code).toBe("unavailable");
    const connections = proxy.acceptedCount;
    await wait(2000);
    const later = db.status();
    expect(later.lagMs ?? 0).toBeGreaterThan((first.lagMs ?? 0) + 1500);
    expect(later.lastError?.sinceMs ?? 0, "since the first failure").toBeLessThan(stalledMs + 2000);
    expect(later.local.pending).toBe(1);
    expect(errors.length).toBeGreaterThan(0);
    expect(proxy.acceptedCount - connections, "a dead server is not hammered").toBeLessThan(30);
    await cluster.startServices();
    await until(() => db.status().state === "synced" && db.status().lagMs === 0);
    expect(db.status().lastError).toBeUndefined();
  });
});
