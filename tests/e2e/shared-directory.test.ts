import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openDatabase } from "@graft/sqlite/node";
import { SQLITE_BUSY_SNAPSHOT } from "@graft/sqlite-engine";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";

const COUNTING = fileURLToPath(new URL("./counting-child.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "graft-shared-"));
let path: string;
let count = 0;

beforeEach(() => {
  path = join(folder, `data-${++count}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a process that counts, and gives what it read. */
async function countIn(times: number): Promise<readonly number[]> {
  const words = ["--conditions=@graft/source", COUNTING, path, String(times)];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const read: number[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => read.push(Number(line)));
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  return read;
}

async function newCounter(): Promise<void> {
  await using db = await openDatabase({ path });
  await db.exec("CREATE TABLE counter(n); INSERT INTO counter VALUES(0)");
}

describe("two databases on one data directory", () => {
  it("see each other's commits at the next statement, whatever SQLite had cached", async () => {
    await using a = await openDatabase({ path });
    await a.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    await using b = await openDatabase({ path });
    expect(b.volume.volumeId).toBe(a.volume.volumeId);
    for (let x = 1; x < 30; x++) {
      const [reader, writer] = x % 2 === 0 ? [a, b] : [b, a];
      expect(await reader.prepare("SELECT x FROM t").pluck().get()).toBe(x);
      await writer.prepare("UPDATE t SET x = ?").run(x + 1);
      expect(await reader.prepare("SELECT x FROM t").pluck().get()).toBe(x + 1);
      expect(await writer.prepare("SELECT x FROM t").pluck().get()).toBe(x + 1);
    }
    await b.exec("CREATE TABLE u(y); INSERT INTO u VALUES(7)");
    expect(await a.prepare("SELECT y FROM u").pluck().get()).toBe(7);
    expect(a.status()).toMatchObject({ state: "pending", local: b.status().local });
  });

  it("keep their snapshots: a scan under way does not see what the other commits", async () => {
    await using a = await openDatabase({ path });
    await a.exec(`
      CREATE TABLE t(id INTEGER PRIMARY KEY, x, pad);
      WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < 3000)
        INSERT INTO t SELECT id, 0, zeroblob(200) FROM i`);
    await using b = await openDatabase({ path });
    let [seen, rows] = [0, 0];
    for await (const x of b.prepare("SELECT x FROM t ORDER BY id").pluck().iterate()) {
      seen += Number(x);
      if (++rows % 500 === 0) await a.prepare("UPDATE t SET x = x + 1").run();
    }
    expect([rows, seen]).toEqual([3000, 0]);
    expect(await b.prepare("SELECT sum(x) FROM t").pluck().get()).toBe(6 * 3000);
  });

  it("keep the pages of their snapshots, however often the other rewrites and frees them", async () => {
    await using a = await openDatabase({ path });
    // More than a mebibyte: each commit takes slots at once, and frees those of the one before.
    await a.exec(`
      CREATE TABLE book(id INTEGER PRIMARY KEY, body);
      WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < 400)
        INSERT INTO book SELECT id, zeroblob(4000) FROM i`);
    await using b = await openDatabase({ path });
    await b.exec("PRAGMA cache_size = 10");
    const rewrite = async (byte: number): Promise<void> => {
      await a.prepare("UPDATE book SET body = ?").run(new Uint8Array(4000).fill(byte));
    };
    for (let byte = 1; byte <= 20; byte += 4) {
      await rewrite(byte);
      const seen = new Set<number>();
      let rows = 0;
      for await (const body of b.prepare("SELECT body FROM book").pluck().iterate()) {
        for (const each of body as Uint8Array) seen.add(each);
        if (++rows % 100 === 0) await rewrite(byte + rows / 100);
      }
      expect([...seen]).toEqual([byte]);
    }
  });

  it("write in turns: a second writer is busy, a stale reader is told so", async () => {
    await using a = await openDatabase({ path, busyTimeoutMs: 50 });
    await a.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    await using b = await openDatabase({ path, busyTimeoutMs: 50 });
    await a.exec("BEGIN IMMEDIATE");
    await expect(b.exec("BEGIN IMMEDIATE")).rejects.toMatchObject({ code: 5 });
    expect(await b.prepare("SELECT x FROM t").pluck().get()).toBe(1);
    await a.exec("COMMIT");
    await b.exec("BEGIN; SELECT x FROM t");
    await a.prepare("UPDATE t SET x = 2").run();
    await expect(b.exec("UPDATE t SET x = x + 1")).rejects.toMatchObject({
      code: SQLITE_BUSY_SNAPSHOT,
    });
    await b.exec("ROLLBACK");
    await b.transaction(async (tx) => void (await tx.prepare("UPDATE t SET x = x + 1").run()));
    expect(await a.prepare("SELECT x FROM t").pluck().get()).toBe(3);
  });

  it("share what is pushed and pulled: one pushes, both are synced", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    const url = cluster.url ?? "";
    await using a = await openDatabase({ sync: "manual", path, url });
    await using b = await openDatabase({ sync: "manual", path, url });
    await a.exec("CREATE TABLE t(x)");
    await b.exec("INSERT INTO t VALUES(1)");
    const pushed = await Promise.all([a.push(), b.push()]);
    expect(pushed.map(({ kind }) => kind).sort()).toEqual(["nothing-to-push", "pushed"]);
    expect(a.status()).toMatchObject({ state: "synced", remote: { lsn: 1n } });
    expect(b.status()).toMatchObject({ state: "synced", remote: { lsn: 1n } });
    await using other = await openDatabase({ sync: "manual", url, volume: a.volume.volumeId });
    await other.exec("INSERT INTO t VALUES(2)");
    await other.push();
    await b.exec("INSERT INTO t VALUES(3)");
    const conflicts: unknown[] = [];
    b.on("conflict", (event) => conflicts.push(event));
    await expect(a.push()).rejects.toMatchObject({ code: "diverged" });
    expect(b.status().state).toBe("diverged");
    expect(conflicts).toEqual([{ base: 1n, commitId: undefined }]);
    const reset = await b.reset();
    expect(reset).toMatchObject({ lsn: 2n, discardedCommitCount: 1 });
    expect(await a.prepare("SELECT x FROM t").pluck().all()).toEqual([1, 2]);
    expect(a.status().state).toBe("synced");
  });

  it("are told of what the other pulled, also when a statement and a commit saw it first", async () => {
    await using cluster = await Cluster.start({ network: "tcp" });
    const sync = "manual";
    const url = cluster.url ?? "";
    await using a = await openDatabase({ url, path, sync });
    await a.exec("CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    await a.push();
    await using b = await openDatabase({ url, path, sync });
    const volume = a.volume.volumeId;
    await using other = await openDatabase({ url, path: `${path}-other`, volume, sync });
    await other.exec("INSERT INTO t VALUES(2)");
    await other.push();
    const told: bigint[] = [];
    b.on("remote", ({ lsn }) => told.push(lsn));
    await a.pull();
    await b.exec("INSERT INTO t SELECT sum(x) FROM t");
    expect(b.status()).toMatchObject({ remote: { lsn: 2n } });
    expect(told).toEqual([2n]);
    expect(await a.prepare("SELECT x FROM t").pluck().all()).toEqual([1, 2, 3]);
  });

  it("that are opened at once, under one name, are one volume", async () => {
    const all = await Promise.all([0, 1, 2, 3].map(() => openDatabase({ path, tag: "new" })));
    expect(new Set(all.map((each) => each.volume.volumeId)).size).toBe(1);
    await Promise.all(all.map((each) => each.close()));
  });
});

describe("processes on one data directory", () => {
  it("that count together lose no count", async () => {
    await newCounter();
    const [times, processes] = [60, 4];
    const read = await Promise.all(Array.from({ length: processes }, () => countIn(times)));
    const all = read.flat().sort((one, two) => one - two);
    expect(all).toEqual(Array.from({ length: times * processes }, (_, at) => at));
    await using db = await openDatabase({ path });
    expect(await db.prepare("SELECT n FROM counter").pluck().get()).toBe(times * processes);
  }, 120_000);

  it("see each other at once, and nobody waits for long behind one that never pauses", async () => {
    await newCounter();
    await using db = await openDatabase({ path, busyTimeoutMs: 60_000 });
    const counting = countIn(300);
    let [mine, longestMs] = [0, 0];
    const ended = counting.then(() => true);
    const tick = (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 5, false));
    while (!(await Promise.race([ended, tick()]))) {
      const startMs = performance.now();
      await db.prepare("UPDATE counter SET n = n + 1").run();
      mine++;
      longestMs = Math.max(longestMs, performance.now() - startMs);
    }
    expect((await counting).length).toBe(300);
    expect(await db.prepare("SELECT n FROM counter").pluck().get()).toBe(300 + mine);
    expect(mine).toBeGreaterThan(5);
    expect(longestMs).toBeLessThan(5_000);
  }, 120_000);
});

it("a cache that is smaller than what waits to be pushed still lets connections be opened", async () => {
  await using cluster = await Cluster.start({ network: "tcp" });
  await using db = await openDatabase({
    sync: "manual",
    path,
    url: cluster.url ?? "",
    cacheSizeMax: 40_960,
  });
  await db.exec(`
    CREATE TABLE book(id INTEGER PRIMARY KEY, body);
    WITH RECURSIVE i(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM i WHERE id < 100)
      INSERT INTO book SELECT id, zeroblob(4000) FROM i`);
  await db.push();
  await db.prepare("UPDATE book SET body = ?").run(new Uint8Array(4000).fill(1));
  for (let times = 0; times < 3; times++) {
    // Page 1 was not written: it is the clean one that is evicted whenever nobody reads.
    await db.releaseIdle();
    expect(await db.prepare("SELECT count(*) FROM book").pluck().get()).toBe(100);
  }
});
