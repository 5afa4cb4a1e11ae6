/** What the tests of this package open and look at. */
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { EngineInstance } from "../engine-instance.ts";
import type { MemoryDisk } from "../memory-vfs.ts";
import { MemoryVfs } from "../memory-vfs.ts";
import type { MissStrategyKind } from "../miss-strategy.ts";
import { loadNodeEngine } from "../node/load-engine.ts";
import type { StatementJournal } from "../statement-journal.ts";
import { canSuspend } from "../web-assembly.ts";
import type { DelayedMemoryVfsOptions } from "./delayed-memory-vfs.ts";
import { DelayedMemoryVfs } from "./delayed-memory-vfs.ts";

/** All strategies that this runtime has. */
export const STRATEGIES: readonly MissStrategyKind[] = canSuspend()
  ? ["suspend", "rerun"]
  : ["rerun"];

export interface FixtureOptions extends Partial<DelayedMemoryVfsOptions> {
  readonly strategy: MissStrategyKind;
  readonly seed?: number;
  readonly heapMaxBytes?: number;
  readonly readOnly?: boolean;
  readonly journal?: StatementJournal;
}

export interface DelayedFixture {
  readonly db: EngineInstance;
  readonly vfs: DelayedMemoryVfs;
  readonly disk: MemoryDisk;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
}

/** A connection to `test.db` on a disk that is far away. Time jumps when nobody can run. */
export async function openDelayed(options: FixtureOptions): Promise<DelayedFixture> {
  const clock = options.clock ?? new SimulatedClock({ mode: "auto" });
  const random = options.random ?? new SeededRandom(options.seed ?? 1);
  const disk = options.disk ?? new Map();
  const vfs = new DelayedMemoryVfs({ ...options, clock, random, disk });
  const db = await EngineInstance.open(await loadNodeEngine(), {
    vfs,
    filename: "test.db",
    clock,
    random,
    missStrategy: options.strategy,
    ...(options.heapMaxBytes !== undefined && { heapMaxBytes: options.heapMaxBytes }),
    ...(options.readOnly !== undefined && { readOnly: options.readOnly }),
    ...(options.journal !== undefined && { journal: options.journal }),
  });
  return { db, vfs, disk, clock: clock as SimulatedClock, random };
}

/** A connection to `test.db` in memory, where nothing is ever missed. */
export async function openMemory(
  strategy: MissStrategyKind,
  disk: MemoryDisk = new Map(),
): Promise<EngineInstance> {
  return await EngineInstance.open(await loadNodeEngine(), {
    vfs: new MemoryVfs(disk),
    filename: "test.db",
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    missStrategy: strategy,
  });
}

/** A disk whose `test.db` was made by this SQL. */
export async function createDisk(sql: string): Promise<MemoryDisk> {
  const disk: MemoryDisk = new Map();
  await using db = await openMemory("rerun", disk);
  await db.exec(sql);
  return disk;
}

/** A copy that lives its own life. */
export function copyDisk(disk: MemoryDisk): MemoryDisk {
  const copy: MemoryDisk = new Map();
  const vfs = new MemoryVfs(copy);
  for (const [name, content] of disk) {
    const request = { name, readOnly: false, create: true, deleteOnClose: false } as const;
    vfs.open({ ...request, kind: "main" }).write(content.view(), 0);
  }
  return copy;
}

/** The single value that a query answers. */
export async function firstValue(
  db: EngineInstance,
  sql: string,
  ...parameters: (string | number)[]
): Promise<unknown> {
  await using statement = await db.prepare(sql);
  return await statement.pluck().get(...parameters);
}

/** All rows of a query, as arrays. */
export async function rowsOf(
  db: EngineInstance,
  sql: string,
  ...parameters: (string | number)[]
): Promise<unknown[][]> {
  await using statement = await db.prepare(sql);
  return await statement.raw().all(...parameters);
}

/** Rows enough for many pages: `item(id, name, amount, note)`, with an index on `name`. */
export const ITEMS_SQL = `
  create table item (id integer primary key, name text not null, amount integer, note text);
  create index item_name on item (name);
  with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000)
  insert into item select i, 'item ' || (i * 7919 % 3001), i % 100, printf('%.200c', 'x') from n;
`;
