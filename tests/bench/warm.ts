/**
 * Warm reads: every page is here. Three subjects run the same SQL through their public interfaces:
 * ours on a volume, the same SQLite WASM on a memory VFS, and `node:sqlite` on a file.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock, systemRandom } from "@graft/core/node";
import { openDatabase } from "@graft/sqlite/node";
import { EngineInstance, MemoryContent, type MemoryDisk, MemoryVfs } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { Bench, BenchContext, BenchRow } from "./bench.ts";
import { createDataset, DATASET_DEFAULT, mulberry32 } from "./dataset.ts";
import { runGraft, startServer } from "./graft-child.ts";
import { compare, type Subject, time } from "./measure.ts";

const LOOKUP = "SELECT id, user_id, created, title FROM posts WHERE id = ?";
const SCAN = "SELECT id, user_id, created, title FROM posts";
const AGGREGATE = "SELECT count(*), sum(length(body)) FROM posts";
const ROUNDS = 7;

interface Store {
  readonly name: string;
  get(sql: string, id: number): unknown;
  all(sql: string): unknown;
}

export const warmBench: Bench = {
  name: "warm",
  what: "lookups, scans and an aggregate on local pages: a volume, a memory VFS, node:sqlite",
  async run(context): Promise<readonly BenchRow[]> {
    const posts = context.isQuick ? 20_000 : 200_000;
    const file = join(context.directory, "forum.db");
    createDataset(file, { ...DATASET_DEFAULT, posts, users: posts / 10, likes: posts / 4 });
    await using server = await startServer(`file:${join(context.directory, "store")}`);
    const path = join(context.directory, "replica");
    await runGraft("import", file, "--url", server.url, "--path", path, "--tag", "forum");
    await using db = await openDatabase({ url: server.url, path, tag: "forum" });
    await db.hydrate();
    const memory = await openMemory(file);
    const stock = new DatabaseSync(file, { readOnly: true });
    try {
      const ours = prepared("graft", (sql) => db.prepare(sql));
      const memoryStore = await preparedInstance("memory VFS", memory);
      const stockStore = preparedStock("node:sqlite", stock);
      return await measureAll(context, posts, [stockStore, memoryStore, ours]);
    } finally {
      stock.close();
      await memory.close();
    }
  },
};

async function measureAll(
  context: BenchContext,
  posts: number,
  stores: readonly Store[],
): Promise<readonly BenchRow[]> {
  const lookups = context.isQuick ? 2_000 : 20_000;
  const random = mulberry32(7);
  const ids = Array.from({ length: lookups }, () => (random() % posts) + 1);
  const works: readonly (readonly [string, number, (store: Store) => Subject["run"], Budgets])[] = [
    [
      "point lookup",
      lookups,
      (store) => () =>
        time(async () => {
          for (const id of ids) await store.get(LOOKUP, id);
        }),
      { stock: 0.8, memory: 1.3 },
    ],
    [
      "scan as objects",
      1,
      (store) => () => time(() => store.all(SCAN)),
      { stock: 0.6, memory: 1.2 },
    ],
    ["aggregate", 1, (store) => () => time(() => store.all(AGGREGATE)), { stock: 1.5 }],
  ];
  const rows: BenchRow[] = [];
  for (const [name, count, work, budgets] of works) {
    const subjects = stores.map((store) => ({ name: store.name, run: work(store) }));
    rows.push(...(await rowsOf(name, count, subjects, budgets)));
  }
  return rows;
}

interface Budgets {
  readonly stock: number;
  readonly memory?: number;
}

/** One row a subject; ours once against each baseline. */
async function rowsOf(
  name: string,
  count: number,
  subjects: readonly Subject[],
  budgets: Budgets,
): Promise<readonly BenchRow[]> {
  const unit = count === 1 ? "ms" : "µs each";
  const scale = count === 1 ? 1 : 1000 / count;
  const [stock, memory, ours] = await compare(subjects, ROUNDS);
  if (stock === undefined || memory === undefined || ours === undefined) return [];
  const value = (one: { readonly medianMs: number }): number => one.medianMs * scale;
  const toMemory = ours.ratio / memory.ratio;
  return [
    { name: `${name}: node:sqlite`, value: value(stock), unit },
    { name: `${name}: memory VFS`, value: value(memory), unit },
    {
      name: `${name}: graft`,
      value: value(ours),
      unit,
      ratio: ours.ratio,
      baseline: "node:sqlite",
      budget: { max: budgets.stock },
    },
    {
      name: `${name}: graft`,
      value: value(ours),
      unit,
      ratio: toMemory,
      baseline: "memory VFS",
      ...(budgets.memory === undefined ? {} : { budget: { max: budgets.memory } }),
    },
  ];
}

interface AsyncStatement {
  get(...parameters: readonly number[]): Promise<unknown>;
  all(): Promise<unknown>;
}

function prepared(name: string, prepare: (sql: string) => AsyncStatement): Store {
  const lookup = prepare(LOOKUP);
  const others = new Map([SCAN, AGGREGATE].map((sql) => [sql, prepare(sql)]));
  return { name, get: (_sql, id) => lookup.get(id), all: (sql) => others.get(sql)?.all() };
}

async function preparedInstance(name: string, instance: EngineInstance): Promise<Store> {
  const [lookup, scan, aggregate] = await Promise.all(
    [LOOKUP, SCAN, AGGREGATE].map((sql) => instance.prepare(sql)),
  );
  const others = new Map([
    [SCAN, scan],
    [AGGREGATE, aggregate],
  ]);
  return { name, get: (_sql, id) => lookup?.get(id), all: (sql) => others.get(sql)?.all() };
}

function preparedStock(name: string, db: DatabaseSync): Store {
  const lookup = db.prepare(LOOKUP);
  const others = new Map([SCAN, AGGREGATE].map((sql) => [sql, db.prepare(sql)]));
  return { name, get: (_sql, id) => lookup.get(id), all: (sql) => others.get(sql)?.all() };
}

async function openMemory(file: string): Promise<EngineInstance> {
  const content = new MemoryContent();
  content.write(readFileSync(file), 0);
  const disk: MemoryDisk = new Map([["main.db", content]]);
  return EngineInstance.open(await loadNodeEngine(), {
    vfs: new MemoryVfs(disk),
    filename: "main.db",
    clock: systemClock,
    random: systemRandom,
  });
}
