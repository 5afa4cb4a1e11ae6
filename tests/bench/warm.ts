/**
 * Warm reads: every page is here. The same SQL through the public interfaces of `node:sqlite` on a
 * file, of SQLite in WASM on a memory VFS (with as large a page cache as ours has), and of ours on
 * a volume; the last two with JSPI and without. What is measured is processor time.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock, systemRandom } from "@graft/core/node";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import {
  EngineInstance,
  MemoryContent,
  type MemoryDisk,
  MemoryVfs,
  type MissStrategyKind,
} from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { Bench, BenchContext, BenchRow } from "./bench.ts";
import { createDataset, DATASET_DEFAULT, mulberry32 } from "./dataset.ts";
import { runGraft, startServer } from "./graft-child.ts";
import { compare, median, type Subject } from "./measure.ts";

const LOOKUP = "SELECT id, user_id, created, title FROM posts WHERE id = ?";
const POSTS = "SELECT id, user_id, created, title FROM posts";
const POSTS_AGGREGATE = "SELECT count(*), sum(length(body)) FROM posts";
const EVENTS = "SELECT id, kind, amount, label FROM events";
const EVENTS_AGGREGATE = "SELECT count(*), sum(kind), sum(length(label)) FROM events";
const ROUNDS = 7;
/** What the first connection of a process gets; there are two databases of ours in this one. */
const CACHE_SIZE = `PRAGMA cache_size = -${42 * 1024}`;

/** The ways SQLite waits for pages, by what is printed. */
const STRATEGIES = [
  ["JSPI", "suspend"],
  ["no JSPI", "rerun"],
] as const satisfies readonly (readonly [string, MissStrategyKind])[];

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Query {
  get(id: number): unknown;
  all(): unknown;
  iterate(): Iterable<unknown> | AsyncIterable<unknown>;
}

interface Store {
  readonly name: string;
  readonly prepare: (sql: string) => Query | Promise<Query>;
}

/** Stores in the order stock, then memory VFS and volume for each strategy. */
type Stores = readonly Store[];

export const warmBench: Bench = {
  name: "warm",
  what: "lookups, scans and aggregates on local pages: a volume, a memory VFS, node:sqlite",
  async run(context): Promise<readonly BenchRow[]> {
    const posts = context.isQuick ? 20_000 : 200_000;
    const file = join(context.directory, "forum.db");
    createDataset(file, { ...DATASET_DEFAULT, posts, users: posts / 10, likes: posts / 4 });
    createEvents(file, posts * 5);
    await using server = await startServer(`file:${join(context.directory, "store")}`);
    const [first, ...others] = STRATEGIES.map(([, strategy]) => join(context.directory, strategy));
    const imported = ["--url", server.url, "--path", first ?? "", "--tag", "forum"];
    await runGraft("import", file, ...imported);
    await using stack = new AsyncDisposableStack();
    const databases: Database[] = [];
    for (const path of [first ?? "", ...others]) {
      const volume = databases[0]?.volume.volumeId;
      const missStrategy = STRATEGIES[databases.length]?.[1];
      const db = stack.use(
        await openDatabase({
          sync: "manual",
          url: server.url,
          path,
          tag: "forum",
          volume,
          missStrategy,
        }),
      );
      await db.hydrate();
      await db.exec(CACHE_SIZE);
      databases.push(db);
    }
    const disk: MemoryDisk = new Map([["main.db", contentOf(file)]]);
    const stock = new DatabaseSync(file, { readOnly: true });
    stack.defer(() => stock.close());
    const stores: Store[] = [{ name: "node:sqlite", prepare: (sql) => stock.prepare(sql) }];
    for (const [at, [label, strategy]] of STRATEGIES.entries()) {
      const memory = stack.use(await openMemory(disk, strategy));
      const db = databases[at];
      stores.push({ name: `memory VFS, ${label}`, prepare: (sql) => memory.prepare(sql) });
      if (db) stores.push({ name: `graft, ${label}`, prepare: (sql) => db.prepare(sql) });
    }
    return await measureAll(context, posts, stores);
  },
};

interface Work {
  readonly name: string;
  readonly sql: string;
  /** Calls of one run. */
  readonly count: number;
  readonly run: (query: Query) => unknown;
  readonly budget: { readonly stock: number; readonly memory?: number };
}

async function measureAll(
  context: BenchContext,
  posts: number,
  stores: Stores,
): Promise<readonly BenchRow[]> {
  const lookups = context.isQuick ? 2_000 : 20_000;
  const random = mulberry32(7);
  const ids = Array.from({ length: lookups }, () => (random() % posts) + 1);
  const events = `${((posts * 5) / 1e6).toLocaleString("en-US")} M rows`;
  const lookUp = async (query: Query): Promise<void> => {
    for (const id of ids) await query.get(id);
  };
  const all = (query: Query): unknown => query.all();
  const iterate = async (query: Query): Promise<void> => {
    let count = 0;
    for await (const row of query.iterate()) count += row === undefined ? 0 : 1;
    if (count !== posts * 5) throw new Error(`expected ${posts * 5} rows, got ${count}`);
  };
  const scan = { stock: 0.6, memory: 1.2 };
  const works: readonly Work[] = [
    {
      name: "get() by key",
      sql: LOOKUP,
      count: lookups,
      run: lookUp,
      budget: { stock: 0.8, memory: 1.3 },
    },
    { name: `all(), ${events}`, sql: EVENTS, count: 1, run: all, budget: scan },
    { name: `iterate(), ${events}`, sql: EVENTS, count: 1, run: iterate, budget: scan },
    {
      name: `aggregate, ${events}`,
      sql: EVENTS_AGGREGATE,
      count: 1,
      run: all,
      budget: { stock: 1.5 },
    },
    { name: "all(), posts", sql: POSTS, count: 1, run: all, budget: scan },
    { name: "aggregate, posts", sql: POSTS_AGGREGATE, count: 1, run: all, budget: { stock: 1.5 } },
  ];
  const rows: BenchRow[] = [];
  for (const work of works) rows.push(...(await measure(work, stores)));
  return rows;
}

/** One row a store; ours against both baselines. */
async function measure(work: Work, stores: Stores): Promise<readonly BenchRow[]> {
  const subjects: Subject[] = [];
  const times = stores.map((): number[] => []);
  for (const [at, { name, prepare }] of stores.entries()) {
    const query = await prepare(work.sql);
    const run = async (): Promise<number> => {
      const ms = await processorTime(() => work.run(query));
      times[at]?.push(ms);
      return ms;
    };
    subjects.push({ name, run });
  }
  const measured = await compare(subjects, ROUNDS);
  const unit = work.count === 1 ? "ms" : "µs each";
  const scale = work.count === 1 ? 1 : 1000 / work.count;
  const rows: BenchRow[] = [];
  for (const [at, { name, medianMs, ratio }] of measured.entries()) {
    const row = { name: `${work.name}: ${name}`, value: medianMs * scale, unit };
    if (!name.startsWith("graft")) {
      rows.push(row);
      continue;
    }
    const { stock, memory } = work.budget;
    rows.push({ ...row, ratio, baseline: "node:sqlite", budget: { max: stock } });
    rows.push({
      ...row,
      ratio: ratioOf(times[at], times[at - 1]),
      baseline: "memory VFS",
      ...(memory !== undefined && { budget: { max: memory } }),
    });
  }
  return rows;
}

/**
 * Processor time of the process, ms. Nothing here waits, and unlike the time on the wall this is
 * not stretched by what else the machine does. The garbage of the subject before is not counted.
 */
async function processorTime(work: () => unknown): Promise<number> {
  collectGarbage();
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Median over the rounds, the warm-up left out. */
function ratioOf(times: readonly number[] = [], baseline: readonly number[] = []): number {
  return median(times.slice(1).map((ms, round) => ms / (baseline[round + 1] ?? Number.NaN)));
}

/** Narrow rows: an event has a kind, an amount and a short label. */
function createEvents(file: string, count: number): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(`
      CREATE TABLE events(id INTEGER PRIMARY KEY, kind INTEGER, amount REAL, label TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
      INSERT INTO events SELECT i, i * 7 % 1000, i * 0.5, 'event ' || i FROM n`);
  } finally {
    db.close();
  }
}

function contentOf(file: string): MemoryContent {
  const content = new MemoryContent();
  content.write(readFileSync(file), 0);
  return content;
}

async function openMemory(
  disk: MemoryDisk,
  missStrategy: MissStrategyKind,
): Promise<EngineInstance> {
  const instance = await EngineInstance.open(await loadNodeEngine(), {
    vfs: new MemoryVfs(disk),
    filename: "main.db",
    clock: systemClock,
    random: systemRandom,
    missStrategy,
  });
  await instance.exec(CACHE_SIZE);
  return instance;
}
