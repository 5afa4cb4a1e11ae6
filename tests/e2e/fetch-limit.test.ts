/** `maxFetchBytes`: a statement is refused instead of downloading a table by accident. */

import type { Database, PrefetchOptions } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";

const PAGE_SIZE = 4096;
const SCAN = "SELECT count(*), sum(length(b)) FROM t";
const LOOKUP = "SELECT a FROM t WHERE a = ?";

let cluster: Cluster;
let volume: string;

beforeAll(async () => {
  cluster = await Cluster.start({ network: "tcp", runsQueries: true });
  await using db = await openDatabase({ url: cluster.url, sync: "manual", tag: "t" });
  await db.exec("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
  const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";
  await db.exec(`${rows} INSERT INTO t SELECT i, hex(randomblob(500)) FROM n`);
  await db.push();
  volume = db.volume.volumeId;
});
afterAll(() => cluster[Symbol.asyncDispose]());

function open(prefetch: PrefetchOptions | false): Promise<Database> {
  return openDatabase({ url: cluster.url, volume, sync: "manual", prefetch });
}

const REFUSED = { name: "SqliteError", message: expect.stringContaining("maxFetchBytes") };

const RUNGS: readonly (PrefetchOptions | false)[] = [false, {}, { shareQueries: false }];

describe.each(RUNGS)("with prefetch %o", (prefetch) => {
  it("refuses what needs more, and fetches no more than that", async () => {
    await using db = await open(prefetch);
    await db.prepare(LOOKUP).get(1);
    const before = db.status().cached.pages;
    const limited = db.prepare(SCAN, { maxFetchBytes: 20 * PAGE_SIZE });
    await expect(limited.get()).rejects.toMatchObject(REFUSED);
    const fetched = db.status().cached.pages - before;
    expect(fetched).toBeGreaterThan(0);
    expect(fetched).toBeLessThanOrEqual(20);
    // What was refused goes on where it was, each time by as much.
    await expect(limited.get()).rejects.toMatchObject(REFUSED);
    expect(await db.prepare(SCAN).raw().get()).toEqual([3000, 3_000_000]);
    expect(await limited.raw().get()).toEqual([3000, 3_000_000]);
  });

  it("lets pass what needs less, and what needs nothing", async () => {
    await using db = await open(prefetch);
    const lookup = db.prepare(LOOKUP, { maxFetchBytes: 10 * PAGE_SIZE });
    expect(await lookup.pluck().get(2000)).toBe(2000);
    const local = lookup.with({ maxFetchBytes: 0 });
    expect(await local.pluck().get(2000)).toBe(2000);
    await expect(local.get(2)).rejects.toMatchObject(REFUSED);
  });

  it("leaves a transaction open whose statement was refused", async () => {
    await using db = await open(prefetch);
    await db.transaction(async (tx) => {
      await tx.exec("INSERT INTO t VALUES (100000, 'mine')");
      const limited = tx.prepare(SCAN, { maxFetchBytes: 2 * PAGE_SIZE });
      await expect(limited.get()).rejects.toMatchObject(REFUSED);
    });
    expect(await db.prepare(LOOKUP).pluck().get(100_000)).toBe(100_000);
  });

  it("rolls a transaction back whose writing statement was refused", async () => {
    await using db = await open(prefetch);
    const change = db.transaction(async (tx) => {
      await tx.exec("INSERT INTO t VALUES (100000, 'mine')");
      await tx.exec("UPDATE t SET b = ''", { maxFetchBytes: 2 * PAGE_SIZE });
    });
    await expect(change).rejects.toMatchObject(REFUSED);
    expect(await db.prepare(LOOKUP).get(100_000)).toBeUndefined();
    expect(await db.prepare(SCAN).raw().get()).toEqual([3000, 3_000_000]);
  });

  it("limits the statement that it was given for, whatever runs beside it", async () => {
    await using db = await open(prefetch);
    await db.exec("BEGIN");
    const limited = db.prepare(SCAN, { maxFetchBytes: 2 * PAGE_SIZE }).get();
    const [one, two] = await Promise.allSettled([limited, db.prepare(SCAN).raw().get()]);
    expect(one).toMatchObject({ status: "rejected", reason: REFUSED });
    expect(two).toEqual({ status: "fulfilled", value: [3000, 3_000_000] });
    await db.exec("COMMIT");
  });

  it("limits loops and exec as well", async () => {
    await using db = await open(prefetch);
    const limit = { maxFetchBytes: 2 * PAGE_SIZE };
    await expect(
      (async () => {
        for await (const _ of db.prepare("SELECT * FROM t", limit).iterate());
      })(),
    ).rejects.toMatchObject(REFUSED);
    await expect(db.exec("UPDATE t SET b = ''", limit)).rejects.toMatchObject(REFUSED);
    await expect(db.exec("SELECT 1; UPDATE t SET b = ''", limit)).rejects.toMatchObject(REFUSED);
    expect(await db.prepare(SCAN).raw().get()).toEqual([3000, 3_000_000]);
  });
});

it("refuses a limit that is none", async () => {
  await using db = await open({});
  for (const maxFetchBytes of [-1, 1.5, Number.NaN]) {
    const bad = db.prepare(SCAN, { maxFetchBytes }).get();
    await expect(bad).rejects.toThrow("maxFetchBytes");
  }
});
