import { DatabaseSync } from "node:sqlite";
import type { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import type { EngineInstance } from "./engine-instance.ts";
import { openDelayed, STRATEGIES } from "./testing/fixture.ts";

/** The same random statements here, page by page from far away, and in `node:sqlite`, in memory. */
const SEEDS = [1, 2, 3, 4, 5];
const STATEMENTS = 250;

const SCHEMA = `
  create table a (id integer primary key, k integer, t text, b blob);
  create table b (x integer, y text, z real, unique (x, y)) strict;
  create table log (n integer primary key autoincrement, what text, old, new);
  create index a_k on a (k);
  create trigger a_changed after update on a begin
    insert into log (what, old, new) values ('a', old.k, new.k);
  end;
  create view both as select a.id, a.k, b.y from a join b on a.k = b.x;
`;

describe.each(STRATEGIES)("random SQL, waiting by %s", (strategy) => {
  test.each(SEEDS)("answers as node:sqlite does, seed %i", async (seed) => {
    const { db, vfs, random } = await openDelayed({
      strategy,
      seed,
      readAhead: 2,
      latencyMsMax: 3,
    });
    const stock = new DatabaseSync(":memory:");
    await db.exec(`pragma cache_size = 10; ${SCHEMA}`);
    stock.exec(SCHEMA);
    for (let step = 0; step < STATEMENTS; step++) {
      if (random.chance(0.3)) vfs.forgetAll();
      const sql = createStatement(random, stock.isTransaction);
      const where = `seed ${seed}, step ${step}: ${sql}`;
      expect(await ours(db, sql), where).toEqual(stocks(stock, sql));
      expect(db.inTransaction, where).toBe(stock.isTransaction);
      expect(db.changes, where).toBe(stock.prepare("select changes()").get()?.["changes()"]);
    }
    const settle = stock.isTransaction ? "commit" : "select 1";
    expect(await ours(db, settle)).toEqual(stocks(stock, settle));
    for (const table of ["a", "b", "log", "sqlite_sequence"]) {
      const sql = `select * from ${table} order by 1, 2`;
      expect(await ours(db, sql), `seed ${seed}: ${table}`).toEqual(stocks(stock, sql));
    }
    expect(await ours(db, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });
});

async function ours(db: EngineInstance, sql: string): Promise<unknown> {
  try {
    await using statement = await db.prepare(sql);
    return await statement.all();
  } catch (error) {
    return (error as Error).message;
  }
}

function stocks(db: DatabaseSync, sql: string): unknown {
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } catch (error) {
    return (error as Error).message;
  }
}

function createStatement(random: SeededRandom, isInTransaction: boolean): string {
  const n = (max: number): number => random.integer(0, max);
  const text = (): string => `'${"abc".repeat(n(200))}${n(9)}'`;
  const range = (): string => `between ${n(500)} and ${n(500)}`;
  const conflict = (): string =>
    random.pick(["", "", "or replace", "or ignore", "or fail", "or rollback"]);
  const writes: readonly (() => string)[] = [
    () =>
      `insert ${conflict()} into a values (${n(500)}, ${n(50)}, ${text()}, zeroblob(${n(2000)}))`,
    () => `insert into a (k, t) select k + 1, t || 'x' from a where id ${range()} limit 20`,
    () => `insert ${conflict()} into b values (${n(50)}, ${text()}, ${n(9)}.5), (${n(5)}, 'y', 1)`,
    () =>
      `insert into b values (${n(50)}, 'u', 1) on conflict do update set z = z + 1 returning x, z`,
    () => `insert into log (what, old) values ('rowid', last_insert_rowid())`,
    () => `update ${conflict()} a set k = k + ${n(3)}, t = ${text()} where id ${range()}`,
    () => `update ${conflict()} b set x = x + 1 where x > ${n(50)}`,
    () =>
      `update a set k = (select max(x) from b where x < a.k) where k = ${n(50)} returning id, k`,
    () => `update a set id = id + 1 where id ${range()}`,
    () => `delete from a where id ${range()} and k % 3 = ${n(2)}`,
    () => `delete from b where rowid in (select rowid from b order by z limit ${n(3)}) returning *`,
    () => `delete from log where n % 7 = ${n(6)}`,
    () => `replace into a (id, k) values (${n(500)}, ${n(50)}) returning id`,
    () => `insert into b values (${n(50)}, 'bad', 'no number')`,
    () => random.pick(["create index if not exists a_t on a (t)", "drop index if exists a_t"]),
    () =>
      random.pick([
        "create table if not exists c (v)",
        "drop table if exists c",
        "insert into c values (1)",
      ]),
    () => random.pick(["reindex", "analyze", "pragma user_version = 7", "pragma user_version"]),
  ];
  const reads: readonly (() => string)[] = [
    () => "select count(*), sum(k), sum(length(t)), sum(length(b)) from a",
    () => `select id, k, length(t) as size from a where id ${range()} order by k, id`,
    () => `select k, count(*) as c, max(t) as t from a group by k having c > ${n(2)} order by k`,
    () => `select * from both where k = ${n(50)} order by id, y`,
    () => "select what, count(*) as c, sum(new - old) as s from log group by what",
    () => "select x, row_number() over (order by z, x, y) as r from b order by r",
    () =>
      "with recursive r (i) as (select 1 union all select i + 1 from r where i < 50) " +
      "select i from r where i not in (select k from a where k not null)",
    () => `select id from a where t like '%abc${n(9)}' order by id`,
    () => "select nothing from nowhere",
  ];
  const controls = isInTransaction
    ? ["commit", "rollback", "savepoint s", "release s", "rollback to s", "begin"]
    : ["begin", "begin immediate", "savepoint s", "commit", "begin exclusive"];
  const kind = n(9);
  if (kind < 2) return random.pick(controls);
  return random.pick(kind < 7 ? writes : reads)();
}
