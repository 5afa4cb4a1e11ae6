/** Real threads: what a hostile statement can do to them, and what it costs. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { toPageSize } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { MetricsRegistry, type QueryStatement } from "@graft/rpc";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { QUERY_RUN_COUNT_MAX, QueryPool } from "./query-pool.ts";
import type { QueryRun, RunnableQuery, SnapshotPages } from "./query-runner.ts";

const PAGE_SIZE = toPageSize(4096);
/** Far more than anything here takes on a busy machine. */
const PATIENCE_MS = 60_000;

const file = createFile();
const metrics = new MetricsRegistry();
const pool = new QueryPool({ loadEngine: loadNodeEngine, clock: systemClock, metrics });
beforeAll(() => pool.warm());
afterAll(() => pool[Symbol.asyncDispose]());

const NORMAL = "select title from post where author = 7";

function createFile(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "graft-query-"));
  const path = join(folder, "test.db");
  const db = new DatabaseSync(path);
  db.exec(`
    create table post (id integer primary key, author integer, title text);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 4000)
      insert into post select i, i % 100, 'title ' || i || hex(zeroblob(60)) from n;
    create index post_author on post (author);`);
  db.close();
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(folder, { recursive: true });
  return bytes;
}

function snapshotOf(bytes: Uint8Array, onRead?: (index: number) => void): SnapshotPages {
  return {
    pageSize: PAGE_SIZE,
    pageCount: bytes.length / PAGE_SIZE,
    read: async (index) => {
      onRead?.(index);
      return bytes.subarray((index - 1) * PAGE_SIZE, index * PAGE_SIZE);
    },
  };
}

function start(sql: string, options: Partial<RunnableQuery> = {}): QueryRun {
  const statements: readonly QueryStatement[] = [{ sql, values: [] }];
  const run = pool.start({
    statements,
    open: async () => snapshotOf(file),
    timeMs: 1000,
    pageCountMax: 1024,
    byteCountMax: 7 * 1024 * 1024,
    ...options,
  });
  if (run === undefined) throw new Error("the pool has room");
  return run;
}

async function ended(run: QueryRun): Promise<QueryRun> {
  await run.within(PATIENCE_MS, PATIENCE_MS);
  return run;
}

test("a run tells what it touched, in the order of the first touch, and has these pages", async () => {
  const asked: number[] = [];
  const run = await ended(
    start(NORMAL, { open: async () => snapshotOf(file, (i) => asked.push(i)) }),
  );
  expect(run.end).toBe("done");
  expect(run.touched()).toEqual(asked);
  expect(run.touched().length).toBeGreaterThan(10);
  for (const index of asked) {
    expect(run.page(index)).toEqual(file.subarray((index - 1) * PAGE_SIZE, index * PAGE_SIZE));
  }
});

test("no page outside of the snapshot is asked for, whatever its header says", async () => {
  const lying = file.slice();
  // Twice as many pages as there are; the root of `post` far behind the end.
  new DataView(lying.buffer).setUint32(28, (2 * lying.length) / PAGE_SIZE);
  const asked: number[] = [];
  const pages = snapshotOf(lying, (index) => asked.push(index));
  await ended(start("select * from post", { open: async () => pages }));
  await ended(start("select count(*) from post where id > 0", { open: async () => pages }));
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.every((index) => index >= 1 && index <= pages.pageCount)).toBe(true);
});

describe("a hostile statement costs no more than its bounds, and the next query works:", () => {
  test.each([
    [
      "a recursion without end",
      "with recursive n (i) as (select 1 union all select i + 1 from n) select max(i) from n",
      "stopped",
    ],
    ["a cross join", "select count(*) from post a, post b, post c", "stopped"],
    [
      "a sort of a cross join",
      "select a.id from post a, post b order by a.title || b.title",
      undefined,
    ],
    ["a blob of 1 GB", "select zeroblob(1000000000)", "failed"],
    ["a deep expression", `select 1${" + 1".repeat(5000)}`, "failed"],
    ["an extension", "select load_extension('x')", undefined],
    ["ATTACH", "attach 'file:other' as other", "refused"],
    ["PRAGMA", "pragma cache_size = 1000000", "refused"],
    [
      "a pattern that is tried again and again",
      `select hex(zeroblob(900000)) like '%${"0%".repeat(200)}1'`,
      undefined,
    ],
    [
      "one instruction that takes minutes",
      "select instr(hex(zeroblob(1900000)), hex(zeroblob(900000)) || '1')",
      "stopped",
    ],
    ["no SQL", "\ud800 ((((\u0000", "failed"],
  ])("%s", async (_, sql, end) => {
    const before = process.memoryUsage().rss;
    const run = await ended(start(sql, { timeMs: 50 }));
    expect(run.end).toBeDefined();
    if (end !== undefined) expect(run.end).toBe(end);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    expect((await ended(start(NORMAL))).end).toBe("done");
  });

  test("pages that are no pages of a tree", async () => {
    const broken = file.slice();
    for (let at = 2 * PAGE_SIZE; at < broken.length; at += PAGE_SIZE) broken.fill(at, at, at + 200);
    const run = await ended(start(NORMAL, { open: async () => snapshotOf(broken) }));
    expect(run.end).toBe("failed");
    expect(run.touched()).toContain(1);
    expect((await ended(start(NORMAL))).end).toBe("done");
  });

  test("a page that cannot be read", async () => {
    const pages = snapshotOf(file);
    const read = async (index: number): Promise<Uint8Array | undefined> => {
      if (index > 3) throw new Error("the store is away");
      return await pages.read(index, AbortSignal.abort());
    };
    const run = await ended(start(NORMAL, { open: async () => ({ ...pages, read }) }));
    expect(run.end).toBe("failed");
    expect((await ended(start(NORMAL))).end).toBe("done");
  });

  test("more pages than it may touch", async () => {
    const run = await ended(start("select * from post", { pageCountMax: 9 }));
    expect([run.end, run.touched().length]).toEqual(["stopped", 9]);
    const bytes = await ended(start("select * from post", { byteCountMax: 5 * PAGE_SIZE }));
    expect([bytes.end, bytes.touched().length]).toEqual(["stopped", 5]);
  });
});

test("threads that had to be killed are replaced", async () => {
  const sql = "select instr(hex(zeroblob(1900000)), hex(zeroblob(900000)) || '1')";
  const hostile = Array.from({ length: 3 }, () => start(sql, { timeMs: 10 }));
  for (const run of hostile) expect((await ended(run)).end).toBe("stopped");
  expect((await ended(start(NORMAL))).end).toBe("done");
  expect(metrics.render()).toMatch(/graft_query_runs_total\{end="killed"\} [1-9]/);
});

test("a run that is stopped while it waits for a page ends, and its thread goes on", async () => {
  const pages = snapshotOf(file);
  const isAsked = Promise.withResolvers<void>();
  const read = (): Promise<undefined> => {
    isAsked.resolve();
    return new Promise(() => undefined);
  };
  const run = start(NORMAL, { open: async () => ({ ...pages, read }) });
  await isAsked.promise;
  run.stop();
  expect((await ended(run)).end).toBe("stopped");
  expect((await ended(start(NORMAL))).end).toBe("done");
});

test("too many at once are turned away, and those that wait have their turn", async () => {
  const runs: QueryRun[] = [];
  const statements = [{ sql: NORMAL, values: [] }];
  const query = {
    statements,
    open: async () => snapshotOf(file),
    timeMs: 1000,
    pageCountMax: 1024,
    byteCountMax: 7 * 1024 * 1024,
  };
  let refusedCount = 0;
  for (let at = 0; at < 3 * QUERY_RUN_COUNT_MAX; at++) {
    const run = pool.start(query);
    if (run === undefined) refusedCount++;
    else runs.push(run);
  }
  for (const run of runs) expect((await ended(run)).end).toBe("done");
  expect(refusedCount).toBe(2 * QUERY_RUN_COUNT_MAX);
});

test("a disposed pool ends what is in it, and runs nothing more", async () => {
  const other = new QueryPool({
    loadEngine: loadNodeEngine,
    clock: systemClock,
    metrics: new MetricsRegistry(),
  });
  await other.warm();
  const query = {
    statements: [{ sql: NORMAL, values: [] }],
    open: async () => snapshotOf(file),
    timeMs: 1000,
    pageCountMax: 1024,
    byteCountMax: 1024 * 1024,
  };
  const runs = [other.start(query), other.start(query), other.start(query)];
  await other[Symbol.asyncDispose]();
  for (const run of runs) {
    await run?.within(PATIENCE_MS, PATIENCE_MS);
    expect(run?.end).toBeDefined();
  }
  expect(other.start(query)).toBeUndefined();
});
