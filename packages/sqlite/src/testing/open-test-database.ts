import { systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { Database } from "../database.ts";
import type { DatabaseOptions } from "../database-options.ts";
import { FakeVolume } from "./fake-volume.ts";

const engine = await loadNodeEngine();

export const SCHEMA = "create table t(id integer primary key, a, b)";
/** Adds 3000 rows to `t`, `a` from 1 to 3000. */
export const MANY = `insert into t(a, b) with recursive n(i) as (select 1 union all select i + 1 from n
  where i < 3000) select i, hex(randomblob(100)) from n`;

export interface TestDatabaseOptions extends Partial<Omit<DatabaseOptions, "volume">> {
  readonly volume?: FakeVolume;
}

export interface TestDatabase {
  readonly db: Database;
  readonly volume: FakeVolume;
}

/** A database on a fake volume, for tests. */
export function openTestDatabase(options: TestDatabaseOptions = {}): TestDatabase {
  const volume = options.volume ?? new FakeVolume();
  const means = { engine, clock: systemClock, random: systemRandom };
  return { volume, db: new Database({ ...means, idleMs: 60_000, ...options, volume }) };
}
