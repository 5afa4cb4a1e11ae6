/** The command line on the data directory of a process that is at work. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";
import { runMeasured } from "../harness/measured-graft.ts";
import { until } from "../harness/until.ts";

const directory = mkdtempSync(join(tmpdir(), "graft-beside-"));
let cluster: Cluster;
let url: string;
let path: string;
let count = 0;

beforeAll(async () => {
  cluster = await Cluster.start({ network: "tcp" });
  url = cluster.url ?? "";
});
beforeEach(() => {
  path = join(directory, `data-${++count}`);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs `graft WORDS` beside us. @returns its last line */
async function graft(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  return (await runMeasured([...words, "--path", path, "--url", url])).answer;
}

async function rowsOf(db: Database): Promise<readonly unknown[]> {
  return await db.prepare("select a from t order by a").pluck().all();
}

async function open(sync: "auto" | "manual"): Promise<Database> {
  const db = await openDatabase({ url, path, tag: "t", sync });
  await db.exec("create table t(a)");
  await db.push();
  return db;
}

describe("beside a process that syncs by hand", () => {
  it("a command pushes what the process committed, and the process knows", async () => {
    await using db = await open("manual");
    await db.exec("insert into t values (1)");
    expect(await graft("status", "t")).toMatchObject({ state: "pending", local: { pending: 1 } });
    expect(await graft("push", "t")).toMatchObject({ lsn: 2 });
    expect(db.status()).toMatchObject({ state: "synced", remote: { lsn: 2n } });
    expect(await db.push()).toEqual({ kind: "nothing-to-push" });
    // And the other way round, by a statement.
    await graft("sql", "t", "insert into t values (2)");
    expect(await rowsOf(db)).toEqual([1, 2]);
    await db.exec("pragma graft_push");
    expect(await graft("status", "t")).toMatchObject({ state: "synced", remote: { lsn: 3 } });
  });

  it("a command pulls, and the process reads it with its next statement", async () => {
    await using db = await open("manual");
    await using other = await openDatabase({ url, volume: db.volume.volumeId, sync: "manual" });
    await other.exec("insert into t values (7)");
    await other.push();
    expect(await rowsOf(db)).toEqual([]);
    await graft("pull", "t");
    expect(await rowsOf(db)).toEqual([7]);
    await other.exec("insert into t values (8)");
    await other.push();
    await db.exec("pragma graft_pull");
    const file = join(directory, "exported.db");
    await graft("export", "t", file);
    const exported = new DatabaseSync(file, { readOnly: true });
    expect(exported.prepare("select count(*) as n from t").get()).toEqual({ n: 2 });
    exported.close();
  });

  it("a push disturbs no open transaction, and a write waits for its end", async () => {
    await using db = await open("manual");
    await db.exec("insert into t values (1)");
    let writing: Promise<unknown> = Promise.resolve();
    await db.transaction(async (tx) => {
      await tx.exec("insert into t values (2)");
      expect(await graft("push", "t")).toMatchObject({ lsn: 2 });
      writing = graft("sql", "t", "insert into t values (3)");
      expect(await tx.prepare("select count(*) from t").pluck().get()).toBe(2);
    });
    await writing;
    expect(await rowsOf(db)).toEqual([1, 2, 3]);
    expect(db.status().local.pending).toBe(2);
  });

  it("a check that needs the directory for itself says so, and harms nobody", async () => {
    await using db = await open("manual");
    await expect(runMeasured(["fsck", "--path", path])).rejects.toThrow(/exit 1/);
    await db.exec("insert into t values (1)");
    expect(await rowsOf(db)).toEqual([1]);
  });

  it("a reset of a diverged volume saves the work, and the process goes on with theirs", async () => {
    await using db = await open("manual");
    await using other = await openDatabase({ url, volume: db.volume.volumeId, sync: "manual" });
    await other.exec("insert into t values (100)");
    await other.push();
    await db.exec("insert into t values (1)");
    await expect(db.push()).rejects.toMatchObject({ code: "diverged" });
    const { savedFile } = await graft("reset", "t");
    expect(await rowsOf(db)).toEqual([100]);
    const saved = new DatabaseSync(String(savedFile), { readOnly: true });
    expect(saved.prepare("select a from t").all()).toMatchObject([{ a: 1 }]);
    saved.close();
    await db.exec("insert into t values (2)");
    expect(await db.push()).toMatchObject({ kind: "pushed" });
  });
});

describe("beside a process that syncs by itself", () => {
  it("commands push, pull and write, and the process never stops syncing", async () => {
    await using db = await open("auto");
    await using replica = await openDatabase({ url, volume: db.volume.volumeId });
    for (let row = 1; row <= 2; row++) {
      await db.prepare("insert into t values (?)").run(row);
      await Promise.all([graft("push", "t"), graft("pull", "t")]);
      await graft("sql", "t", `insert into t values (${row * 10})`);
    }
    const rows = [1, 2, 10, 20];
    expect(await rowsOf(db)).toEqual(rows);
    await until(async () => (await rowsOf(replica)).length === rows.length);
    await db.exec("insert into t values (99)");
    await until(async () => (await rowsOf(replica)).includes(99));
    // The news may be here before the answer to the push.
    await until(() => db.status().state === "synced");
    expect(db.status().lastError).toBeUndefined();
  });
});
