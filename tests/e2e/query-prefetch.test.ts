/** The query of a read's hint, run by the PageStore on the forum that the benches read. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lsn, type PageSet, pageRange, pageSetOf, toPageIndex, union } from "@graft/core";
import { nodeCompute, systemClock, systemRandom } from "@graft/core/node";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { createPagestore, type Pagestore, QueryPool, type QueryRunner } from "@graft/pagestore";
import { LogCommitSource, VolumeWriter } from "@graft/pagestore/testing";
import { MetricsRegistry, type QueryStatement, type ReadPagesAnswer } from "@graft/rpc";
import { EngineInstance, MemoryContent, MemoryVfs, type VfsFile } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDataset, type DatasetOptions, datasetQueries } from "../bench/dataset.ts";
import { until } from "../harness/until.ts";

const DATASET: DatasetOptions = {
  posts: 20_000,
  users: 2000,
  likes: 2000,
  pageSize: 4096,
  seed: 42,
};
const PAGE_SIZE = DATASET.pageSize;
const BUDGET = 7 * 1024 * 1024;
const ONE: PageSet = pageSetOf([toPageIndex(1)]);

const cleanup = new AsyncDisposableStack();
const clock = systemClock;
const store = new MemoryObjectStore();
const metrics = new MetricsRegistry();
const pool = cleanup.use(new QueryPool({ loadEngine: loadNodeEngine, clock, metrics }));
const volume = new VolumeWriter({ store, clock, random: systemRandom, compute: nodeCompute });
let file: Uint8Array;
let lsn: Lsn;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "graft-forum-"));
  cleanup.defer(() => rm(folder, { recursive: true }));
  const path = join(folder, "forum.db");
  createDataset(path, DATASET);
  file = new Uint8Array(await readFile(path));
  lsn = await volume.commit({
    pages: pagesOf(file),
    pageCount: file.length / PAGE_SIZE,
    placement: { segments: 1 },
  });
  await volume.checkpoint();
  await pool.warm();
});
afterAll(() => cleanup.disposeAsync());

function pagesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
    pages.set(at / PAGE_SIZE + 1, bytes.subarray(at, at + PAGE_SIZE));
  }
  return pages;
}

/** A PageStore with nothing in its caches. */
function openPagestore(
  queries: QueryRunner | undefined = pool,
  metered: MeteredObjectStore = new MeteredObjectStore(store, clock),
): Pagestore {
  const source = new LogCommitSource(store);
  const means = { clock, random: systemRandom, compute: nodeCompute };
  return createPagestore({ store: metered, commitSource: source, queries, ...means }).pagestore;
}

function read(
  pagestore: Pagestore,
  statements: readonly QueryStatement[],
  more: { readonly held?: PageSet; readonly pageBudget?: number } = {},
): Promise<ReadPagesAnswer> {
  const query = { statements, timeBudgetMs: 250, ...more };
  const { volumeId } = volume;
  return pagestore.readPages({ volumeId, lsn, pageSet: ONE, byteBudget: BUDGET, query });
}

/** On a busy machine a run may be out of time: then it is asked for again. */
async function readDone(
  pagestore: Pagestore,
  statements: readonly QueryStatement[],
  more: { readonly held?: PageSet; readonly pageBudget?: number } = {},
): Promise<ReadPagesAnswer> {
  let answer: ReadPagesAnswer | undefined;
  await until(async () => {
    answer = await read(pagestore, statements, more);
    return answer.queryEnd === "done";
  }, 120_000);
  if (answer === undefined) throw new Error("it was read");
  return answer;
}

const indexesOf = ({ pages }: ReadPagesAnswer): readonly number[] =>
  pages.map(({ index }) => index);

/** The pages that a fresh SQLite on the file itself reads. */
async function touchedLocally({ sql, values }: QueryStatement): Promise<readonly number[]> {
  const touched = new Set<number>();
  const content = new MemoryContent();
  content.write(file, 0);
  const vfs = new MemoryVfs(new Map([["forum.db", content]]));
  const open = vfs.open.bind(vfs);
  vfs.open = (request): VfsFile => {
    const opened = open(request);
    const readAt = opened.read.bind(opened);
    if (request.kind !== "main") return opened;
    opened.read = (target, offset) => {
      touched.add(Math.floor(offset / PAGE_SIZE) + 1);
      return readAt(target, offset);
    };
    return opened;
  };
  const engine = await loadNodeEngine();
  const options = { vfs, filename: "forum.db", clock, random: systemRandom };
  await using db = await EngineInstance.open(engine, options);
  await db.exec("begin");
  await (await db.prepare(sql)).all(...values);
  const all = [...touched].sort((a, b) => a - b);
  await db.exec("rollback");
  return all;
}

describe("one answer holds what the query touches on a fresh SQLite, and nothing else:", () => {
  const queries = datasetQueries(DATASET, 3).slice(0, 4);
  const named = queries.flatMap(({ name, what, sql, parameters }) =>
    parameters.map((values, at): [string, QueryStatement] => [
      `${name}.${at}, ${what}`,
      { sql, values },
    ]),
  );
  const writes: readonly [string, QueryStatement][] = [
    ["UPDATE", { sql: "UPDATE posts SET title = 'x' WHERE user_id = ?", values: [77] }],
    ["DELETE", { sql: "DELETE FROM posts WHERE id = ?", values: [777] }],
  ];
  test.each([...named, ...writes])("%s", async (_, statement) => {
    const answer = await readDone(openPagestore(), [statement]);
    expect(indexesOf(answer)).toEqual(await touchedLocally(statement));
    const pages = pagesOf(file);
    for (const { index, data } of answer.pages) expect(data).toEqual(pages.get(index));
  });
});

test("a cold PageStore asks the object store in few rounds", async () => {
  const [query] = datasetQueries(DATASET, 1);
  const metered = new MeteredObjectStore(store, clock);
  const statement = { sql: query?.sql ?? "", values: query?.parameters[0] ?? [] };
  await readDone(openPagestore(pool, metered), [statement]);
  expect(metered.meter.requestCount).toBeLessThan(12);
});

test("what the client holds is not sent, and its budget of pages is kept", async () => {
  const statement = { sql: "SELECT * FROM posts WHERE user_id = ?", values: [9] };
  const pagestore = openPagestore();
  const all = indexesOf(await readDone(pagestore, [statement]));
  const held = pageRange(2, 100);
  const rest = indexesOf(await readDone(pagestore, [statement], { held }));
  expect(rest).toEqual(all.filter((index) => index === 1 || index > 100));
  const few = await read(pagestore, [statement], { pageBudget: 3 });
  expect(few.queryEnd).toBe("stopped");
  expect(few.pages.length).toBeLessThanOrEqual(3);
});

test("a transaction given as a list is one run", async () => {
  const first = { sql: "SELECT * FROM posts WHERE id = ?", values: [4] };
  const second = {
    sql: "UPDATE users SET name = :name WHERE id = 5",
    values: [],
    named: { name: "x" },
  };
  const pagestore = openPagestore();
  const together = indexesOf(await readDone(pagestore, [first, second]));
  for (const one of [first, second]) {
    const alone = indexesOf(await readDone(pagestore, [one]));
    expect(together).toEqual(expect.arrayContaining([...alone]));
  }
});

test("an answer with a query is the answer without it, and more: whatever the query is", async () => {
  const pagestore = openPagestore();
  const plain = openPagestore(undefined);
  const count = file.length / PAGE_SIZE;
  const sql = fc.constantFrom(
    "SELECT * FROM posts WHERE id = 5",
    "SELECT count(*) FROM users",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "SELECT count(*) FROM posts a, posts b",
    "SELECT nothing FROM nowhere",
    "ATTACH 'x' AS y",
    "DROP TABLE posts",
    "DELETE FROM posts",
  );
  const settings = fc.record({
    sql,
    wanted: fc.uniqueArray(fc.integer({ min: 1, max: count + 5 }), { minLength: 1, maxLength: 9 }),
    byteBudget: fc.integer({ min: 0, max: 40 * PAGE_SIZE }),
    timeBudgetMs: fc.constantFrom(0, 5, 50),
  });
  const runs = fc.asyncProperty(
    settings,
    async ({ wanted, byteBudget, timeBudgetMs, ...query }) => {
      const pageSet = pageSetOf(wanted.map(toPageIndex));
      const request = { volumeId: volume.volumeId, lsn, pageSet, byteBudget };
      const without = await plain.readPages(request);
      const statements = [{ sql: query.sql, values: [] }];
      const given = await pagestore.readPages({ ...request, query: { statements, timeBudgetMs } });
      const settled = new Map(given.pages.map(({ index, data }) => [index as number, data]));
      const truth = pagesOf(file);
      for (const index of without.covered) expect(given.covered.contains(index)).toBe(true);
      for (const index of given.covered) expect(settled.get(index)).toEqual(truth.get(index));
      expect(union(given.covered, pageSetOf([...settled.keys()].map(toPageIndex)))).toEqual(
        given.covered,
      );
      const room = Math.max(1, Math.floor(byteBudget / PAGE_SIZE));
      expect(given.pages.length).toBeLessThanOrEqual(Math.max(room, without.pages.length));
    },
  );
  await fc.assert(runs, { numRuns: 40 });
});

test("a snapshot that does not exist is refused as without a query, and nothing is run", async () => {
  const pagestore = openPagestore();
  const request = { volumeId: volume.volumeId, pageSet: ONE, byteBudget: BUDGET };
  const query = { statements: [{ sql: "SELECT 1", values: [] }] };
  const missing = (lsn + 9n) as Lsn;
  await expect(pagestore.readPages({ ...request, lsn: missing, query })).rejects.toMatchObject({
    code: "not-found",
  });
});
