import { describe, expect, test } from "vitest";
import type { EngineInstance } from "./engine-instance.ts";
import { SqliteError } from "./sqlite-error.ts";
import {
  createDisk,
  firstValue,
  ITEMS_SQL,
  openDelayed,
  openMemory,
  STRATEGIES,
} from "./testing/fixture.ts";

describe.each(STRATEGIES)("an engine instance, waiting by %s", (strategy) => {
  const open = (): Promise<EngineInstance> => openMemory(strategy);

  test("get gives the first row, all gives all, run counts changes", async () => {
    const db = await open();
    await db.exec("create table t (id integer primary key, x text); -- and that is all");
    const insert = await db.prepare("insert into t (x) values (?), (?)");
    expect(await insert.run("a", "b")).toEqual({ changes: 2, lastInsertRowid: 2 });
    expect(db.changes).toBe(2);
    expect(db.totalChanges).toBe(2);
    expect(db.lastInsertRowid).toBe(2);
    const select = await db.prepare("select * from t order by id");
    expect(await select.get()).toEqual({ id: 1, x: "a" });
    expect(await select.all()).toEqual([
      { id: 1, x: "a" },
      { id: 2, x: "b" },
    ]);
    expect(await select.raw().all()).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
    expect(await select.pluck().all()).toEqual([1, 2]);
    expect(await (await db.prepare("select * from t where 0")).get()).toBeUndefined();
  });

  test("columns says where each column comes from", async () => {
    const db = await open();
    await db.exec("create table t (id integer primary key, x text)");
    const statement = await db.prepare("select id, x as name, id + 1 from t");
    expect(await statement.columns()).toEqual([
      { name: "id", column: "id", table: "t", database: "main", type: "INTEGER" },
      { name: "name", column: "x", table: "t", database: "main", type: "TEXT" },
      { name: "id + 1", column: null, table: null, database: null, type: null },
    ]);
  });

  test("select * follows a column added by somebody else", async () => {
    const disk = await createDisk("create table t (a); insert into t values (1)");
    const [one, two] = [await openMemory(strategy, disk), await openMemory(strategy, disk)];
    const select = await one.prepare("select * from t");
    expect(await select.get()).toEqual({ a: 1 });
    await two.exec("alter table t add column b default 2");
    expect(await select.get()).toEqual({ a: 1, b: 2 });
    expect(await select.raw().all()).toEqual([[1, 2]]);
  });

  test("statements that a virtual table made for itself are its own to free", async () => {
    const db = await open();
    await db.exec("create virtual table f using fts5 (a); insert into f values ('hello')");
    expect(await firstValue(db, "select count(*) from f where f match 'hello'")).toBe(1);
    await expect(db.close()).resolves.toBeUndefined();
  });

  test("a column may be called __proto__", async () => {
    const db = await open();
    const statement = await db.prepare("select 1 as __proto__, 2 as x");
    expect(Object.entries((await statement.get()) ?? {})).toEqual([
      ["__proto__", 1],
      ["x", 2],
    ]);
  });

  test("a syntax error says where, and a text with none or two statements is refused", async () => {
    const db = await open();
    const error = await db.prepare("select 1 +* 2").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SqliteError);
    expect(error).toMatchObject({ codeName: "SQLITE_ERROR", offset: 10 });
    expect(String(error)).toContain('near "*": syntax error');
    await expect(db.prepare(" -- nothing")).rejects.toThrow("contains no statement");
    await expect(db.prepare("select 1; select 2")).rejects.toThrow("more than one statement");
    await db.prepare("select 1; -- the end\n ; /* really */");
  });

  test("exec stops at the first error and keeps what was done before", async () => {
    const db = await open();
    await expect(
      db.exec("create table a (x); create table a (x); create table b (x)"),
    ).rejects.toThrow("already exists");
    expect(await firstValue(db, "select group_concat(name) from sqlite_schema")).toBe("a");
  });

  test("constraint errors carry the extended code and leave the statement usable", async () => {
    const db = await open();
    await db.exec("create table t (x unique)");
    const insert = await db.prepare("insert into t values (?)");
    await insert.run(1);
    await expect(insert.run(1)).rejects.toMatchObject({ code: 2067 });
    expect(await insert.run(2)).toMatchObject({ changes: 1 });
  });

  test("an open iteration and other statements do not disturb each other", async () => {
    const db = await open();
    await db.exec("create table t (x)");
    await db.exec(`insert into t select value from json_each('[${[...Array(2000).keys()]}]')`);
    const select = await db.prepare("select x from t order by rowid");
    const other = await db.prepare("select max(x) from t");
    const seen: unknown[] = [];
    for await (const x of select.pluck().iterate()) {
      seen.push(x);
      if (seen.length % 500 === 0) {
        await db.exec("update t set x = x where x > 1990");
        expect(await other.pluck().get()).toBe(1999);
      }
    }
    expect(seen).toEqual([...Array(2000).keys()]);
  });

  test("an open iteration and statements that wait for pages do not disturb each other", async () => {
    const blocksMax = strategy === "suspend" ? 15 : 100_000;
    const disk = await createDisk(ITEMS_SQL);
    const { db, vfs } = await openDelayed({ strategy, disk, blocksMax });
    await db.exec("pragma cache_size = 10");
    const select = await db.prepare("select id, name from item order by name, id");
    const lookup = await db.prepare("select name from item where id = ?");
    const missing = await db.prepare("select count(*) from item where note = 'nothing'");
    let count = 0;
    let last = "";
    for await (const { id, name } of select.iterate()) {
      expect(String(name) >= last).toBe(true);
      last = String(name);
      if (++count % 400 === 0) {
        vfs.forgetAll();
        expect(await lookup.get(Number(id))).toEqual({ name });
        expect(await missing.pluck().get()).toBe(0);
        await db.exec(`update item set amount = -amount where id % 3 = ${count % 3}`);
      }
    }
    expect(count).toBe(3000);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("a second use of a statement ends its open iteration with an error", async () => {
    const { db } = await openDelayed({ strategy, disk: await createDisk(ITEMS_SQL) });
    const select = await db.prepare("select id from item order by id");
    const rows = select.iterate();
    await rows.next();
    await rows.next();
    expect(await select.get()).toEqual({ id: 1 });
    const rest = async (): Promise<number> => {
      let count = 0;
      for await (const _ of rows) count++;
      return count;
    };
    if (strategy === "suspend") await expect(rest()).rejects.toThrow("ended by another use");
    else expect(await rest()).toBe(2998);
  });

  test("leaving an iteration early gives its read lock back", async () => {
    const disk = await createDisk(ITEMS_SQL);
    const [one, two] = [await openMemory(strategy, disk), await openMemory(strategy, disk)];
    const select = await one.prepare("select id from item");
    for await (const { id } of select.iterate()) if (id === 5) break;
    await two.exec("pragma busy_timeout = 0; delete from item");
    expect(await select.all()).toEqual([]);
  });

  test("next may be called again before the last has answered", async () => {
    const db = await open();
    const rows = (await db.prepare("select value from json_each('[1,2,3,4,5]')")).pluck().iterate();
    const answers = await Promise.all(Array.from({ length: 7 }, () => rows.next()));
    expect(answers.map(({ value }) => value)).toEqual([1, 2, 3, 4, 5, undefined, undefined]);
  });

  test("calls are answered in the order in which they were made", async () => {
    const { db } = await openDelayed({ strategy, disk: await createDisk(ITEMS_SQL) });
    const order: string[] = [];
    await Promise.all([
      firstValue(db, "select count(*) from item").then(() => order.push("scan")),
      db.exec("delete from item where id = 1").then(() => order.push("delete")),
      db.prepare("select 1").then(() => order.push("prepare")),
    ]);
    expect(order).toEqual(["delete", "prepare", "scan"]);
  });

  test("a finalized statement and a closed connection refuse calls, and end twice without harm", async () => {
    const db = await open();
    const statement = await db.prepare("select 1");
    const left = await db.prepare("select 2");
    await statement.finalize();
    await statement.finalize();
    await expect(statement.get()).rejects.toThrow("finalized");
    await db.close();
    await db.close();
    await expect(left.get()).rejects.toThrow("closed");
    await expect(db.exec("select 1")).rejects.toThrow("closed");
    expect(() => db.changes).toThrow("closed");
    expect(db.inTransaction).toBe(false);
    await left.finalize();
  });

  test("closing rolls back and leaves no lock", async () => {
    const disk = await createDisk("create table t (x)");
    const one = await openMemory(strategy, disk);
    await one.exec("begin immediate; insert into t values (1)");
    await one.close();
    const two = await openMemory(strategy, disk);
    await two.exec("begin exclusive; commit");
    expect(await firstValue(two, "select count(*) from t")).toBe(0);
  });

  test("a read-only connection reads and refuses to write", async () => {
    const disk = await createDisk(ITEMS_SQL);
    const { db } = await openDelayed({ strategy, disk, readOnly: true });
    expect(await firstValue(db, "select count(*) from item")).toBe(3000);
    await expect(db.exec("delete from item")).rejects.toMatchObject({
      codeName: "SQLITE_READONLY",
    });
    await expect(openDelayed({ strategy, readOnly: true })).rejects.toMatchObject({
      codeName: "SQLITE_CANTOPEN",
    });
  });

  test("a file that is no database is refused as such", async () => {
    const disk = await createDisk("create table t (x)");
    const db = await openMemory(strategy, disk);
    await db.close();
    disk.get("test.db")?.write(new TextEncoder().encode("this is not SQLite"), 0);
    const again = await openMemory(strategy, disk);
    await expect(again.exec("select * from t")).rejects.toMatchObject({
      codeName: "SQLITE_NOTADB",
    });
  });

  test("time and randomness are those that were handed in", async () => {
    const [one, two] = [await open(), await open()];
    expect(await firstValue(one, "select datetime('now')")).toBe("2026-01-01 00:00:00");
    expect(await firstValue(one, "select julianday('now')")).toBe(2_461_041.5);
    expect(await firstValue(one, "select hex(randomblob(8))")).toBe(
      await firstValue(two, "select hex(randomblob(8))"),
    );
  });

  test("what the VFS does not have is not claimed: no shared memory, no memory mapping", async () => {
    const db = await open();
    await db.exec("create table t (x)");
    expect(await firstValue(db, "pragma journal_mode = wal")).toBe("delete");
    expect(await firstValue(db, "pragma mmap_size = 1000000")).toBe(0);
    await db.exec("pragma locking_mode = exclusive");
    expect(await firstValue(db, "pragma journal_mode = wal")).toBe("wal");
    await db.exec("insert into t values (1); pragma wal_checkpoint(truncate)");
    expect(await firstValue(db, "pragma journal_mode = delete")).toBe("delete");
    expect(await firstValue(db, "select count(*) from t")).toBe(1);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("every journal mode and page size works on memory", async () => {
    for (const mode of ["delete", "truncate", "persist", "memory", "off"]) {
      for (const pageSize of [512, 1024, 65_536]) {
        const db = await open();
        await db.exec(`pragma page_size = ${pageSize}; ${ITEMS_SQL}`);
        expect(await firstValue(db, `pragma journal_mode = ${mode}`)).toBe(mode);
        await db.exec("pragma cache_size = 5; begin; update item set amount = 1; commit; vacuum");
        expect(await firstValue(db, "pragma page_size")).toBe(pageSize);
        expect(await firstValue(db, "select sum(amount) from item")).toBe(3000);
        expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
        await db.close();
      }
    }
  });

  test("attached databases, temporary tables and triggers work", async () => {
    const db = await open();
    await db.exec(`
      attach 'other.db' as other;
      create table other.t (x); create table t (x); create temp table seen (x);
      create temp trigger note after insert on main.t begin insert into seen values (new.x); end;
      begin; insert into t values (1); insert into other.t values (2); commit;
    `);
    expect(
      await firstValue(
        db,
        "select group_concat(x) from (select x from t union all select x from seen " +
          "union all select x from other.t)",
      ),
    ).toBe("1,1,2");
    await db.exec("detach other");
  });
});
