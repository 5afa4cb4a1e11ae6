import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT } from "./result-codes.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { FixtureOptions } from "./testing/fixture.ts";
import {
  copyDisk,
  createDisk,
  firstValue,
  ITEMS_SQL,
  openDelayed,
  openMemory,
  rowsOf,
  STRATEGIES,
} from "./testing/fixture.ts";

const items = await createDisk(ITEMS_SQL);

/** A small cache on top of a far disk, so that pages are missed again and again. */
async function openFar(options: FixtureOptions) {
  const fixture = await openDelayed({ disk: copyDisk(items), ...options });
  await fixture.db.exec("pragma cache_size = 10");
  fixture.vfs.forgetAll();
  return fixture;
}

describe.each(STRATEGIES)("waiting for pages by %s", (strategy) => {
  // Run again, a statement needs all its pages at once; suspended, it needs one at a time.
  const blocksMax = strategy === "suspend" ? 20 : 100_000;

  test("a cold scan gives every row, and each page is asked for when SQLite wants it", async () => {
    const { db, vfs } = await openFar({ strategy, blocksMax });
    expect(await rowsOf(db, "select count(*), sum(amount), sum(length(note)) from item")).toEqual([
      [3000, 148_500, 600_000],
    ]);
    expect(vfs.fetchCount).toBeGreaterThan(80);
  });

  test("a point lookup asks for the pages on its path and no other", async () => {
    const { db, vfs } = await openFar({ strategy });
    const lookup = await db.prepare("select name from item where id = ?");
    vfs.fetchCount = 0;
    expect(await lookup.get(1500)).toEqual({ name: "item 542" });
    expect(vfs.fetchCount).toBeLessThanOrEqual(3);
  });

  test("rows that were held back come once", async () => {
    const { db } = await openFar({ strategy, blocksMax });
    const statement = await db.prepare("select id from item order by id");
    const ids: unknown[] = [];
    for await (const id of statement.pluck().iterate()) ids.push(id);
    expect(ids).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1));
  });

  test("an UPDATE that misses half-way is applied once, inside a transaction too", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec("begin");
    vfs.forgetAll();
    const update = await db.prepare("update item set amount = amount + 1");
    vfs.fetchCount = 0;
    expect(await update.run()).toMatchObject({ changes: 3000 });
    expect(vfs.fetchCount).toBeGreaterThan(10);
    await db.exec("commit");
    expect(await firstValue(db, "select sum(amount) from item")).toBe(148_500 + 3000);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("an INSERT … SELECT from the table itself sees it as it was", async () => {
    const { db } = await openFar({ strategy });
    await db.exec("insert into item (name, amount) select name, amount from item");
    expect(await rowsOf(db, "select count(*), sum(amount) from item")).toEqual([[6000, 297_000]]);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("a transaction of cold writes and reads is committed whole, and rolled back whole", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec("begin; delete from item where id % 2 = 0");
    vfs.forgetAll();
    await db.exec("update item set name = 'odd ' || id where amount > 50; rollback");
    expect(await firstValue(db, "select count(*) from item where name like 'odd%'")).toBe(0);
    vfs.forgetAll();
    await db.exec("begin; delete from item where id % 2 = 0; savepoint s");
    await db.exec("delete from item; rollback to s; commit");
    vfs.forgetAll();
    expect(await firstValue(db, "select count(*) from item")).toBe(1500);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("a cold schema is read by the first statement that needs it", async () => {
    const { db, vfs } = await openDelayed({ strategy, disk: copyDisk(items) });
    const [row] = await rowsOf(db, "select name, type from sqlite_schema order by name");
    expect(row).toEqual(["item", "table"]);
    expect(vfs.fetchCount).toBeGreaterThan(0);
  });

  test("VACUUM, DDL, ANALYZE and REINDEX run on a cold database", async () => {
    const { db, vfs } = await openFar({ strategy });
    for (const sql of [
      "delete from item where id > 100",
      "vacuum",
      "create index item_amount on item (amount)",
      "analyze",
      "reindex",
      "alter table item add column extra text default 'none'",
      "alter table item drop column note",
      "drop index item_name",
    ]) {
      vfs.forgetAll();
      await db.exec(sql);
    }
    expect(await rowsOf(db, "select count(*), min(extra) from item")).toEqual([[100, "none"]]);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("FTS5 and R*Tree work page by page", async () => {
    const { db, vfs } = await openDelayed({ strategy });
    await db.exec(
      `
      create virtual table text using fts5 (body);
      insert into text select 'word' || value || ' common' from generate_series(1, 2000);
      create virtual table box using rtree (id, x1, x2, y1, y2);
      insert into box select value, value, value + 1, value, value + 1 from generate_series(1, 2000);
    `.replaceAll("generate_series(1, 2000)", SERIES),
    );
    for (let round = 0; round < 3; round++) {
      vfs.forgetAll();
      expect(await firstValue(db, "select count(*) from text where text match 'common'")).toBe(
        2000,
      );
      vfs.forgetAll();
      expect(await firstValue(db, "select rowid from text where text match 'word1234'")).toBe(1234);
      vfs.forgetAll();
      expect(await firstValue(db, "select count(*) from box where x1 >= 100 and x2 <= 200")).toBe(
        100,
      );
      vfs.forgetAll();
      await db.exec("delete from text where rowid % 10 = 3; insert into text values ('common')");
      await db.exec(
        "delete from text where rowid > 2000; insert into text (rowid, body) " +
          `select value, 'word' || value || ' common' from ${SERIES} where value % 10 = 3`,
      );
    }
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
  });

  test("last_insert_rowid() inside a statement is that of the statement before", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec("insert into item (id, name) values (5000, 'five')");
    vfs.forgetAll();
    await db.exec("insert into item (name, amount) select name, last_insert_rowid() from item");
    expect(await firstValue(db, "select min(amount) from item where id > 5000")).toBe(5000);
    expect(await firstValue(db, "select max(amount) from item where id > 5000")).toBe(5000);
  });

  test("an asynchronous pragma answers its text, once for each call", async () => {
    const asked: unknown[] = [];
    const pragmas = { far: (value: string | undefined) => `answer ${asked.push(value)}` };
    const { db } = await openDelayed({ strategy, pragmas });
    expect(await firstValue(db, "pragma far")).toBe("answer 1");
    expect(await firstValue(db, "pragma far = 'x'")).toBe("answer 2");
    expect(asked).toEqual([undefined, "x"]);
  });

  test("a real SQLITE_BUSY is reported, not waited for", async () => {
    const disk = copyDisk(items);
    const other = await openMemory(strategy, disk);
    await other.exec("begin immediate");
    const { db } = await openFar({ strategy, disk });
    const error = await db.exec("begin immediate").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SqliteError);
    expect(error).toMatchObject({ code: SQLITE_BUSY, codeName: "SQLITE_BUSY" });
    await other.exec("rollback");
    await db.exec("begin immediate; rollback");
  });

  test("a page that cannot be fetched fails the statement with the error as cause", async () => {
    const { db, vfs } = await openFar({ strategy });
    const lookup = await db.prepare("select name from item where id = ?");
    const cause = new Error("the server is away");
    vfs.fetchFailures.push(cause);
    await expect(lookup.get(1500)).rejects.toMatchObject({ codeName: "SQLITE_IOERR", cause });
    expect(await lookup.get(1500)).toEqual({ name: "item 542" });
  });

  test("a write that cannot be finished leaves nothing behind, whatever the error", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec("begin; insert into item (id, name) values (9000, 'kept?')");
    vfs.forgetAll();
    const away = new SqliteError(SQLITE_BUSY, "the server is away");
    vfs.fetchFailures.push(undefined, undefined, undefined, undefined, undefined, away);
    const failed = db.exec("update item set amount = amount + 1");
    await expect(failed).rejects.toMatchObject({ codeName: "SQLITE_IOERR", cause: away });
    // As SQLite itself does when a read fails in the middle of a write.
    expect(db.inTransaction).toBe(false);
    expect(await firstValue(db, "select sum(amount) from item")).toBe(148_500);
    expect(await firstValue(db, "select count(*) from item where id = 9000")).toBe(0);
  });

  test("OR FAIL keeps the rows before the failing one, as SQLite does", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec("create table u (x unique); insert into u values (5)");
    vfs.forgetAll();
    const failing = "insert or fail into u select value from (values (1), (2), (5), (6)) v (value)";
    const statement = failing.replace("v (value)", "v").replace("select value", "select column1");
    await expect(db.exec(statement)).rejects.toMatchObject({
      codeName: "SQLITE_CONSTRAINT_UNIQUE",
    });
    expect(await rowsOf(db, "select x from u order by x")).toEqual([[1], [2], [5]]);
    await expect(db.exec(statement.replace("or fail ", ""))).rejects.toThrow();
    expect(await rowsOf(db, "select x from u order by x")).toEqual([[1], [2], [5]]);
    expect(db.inTransaction).toBe(false);
  });

  test("OR ROLLBACK ends the transaction, and a deferred foreign key fails the commit only", async () => {
    const { db, vfs } = await openFar({ strategy });
    await db.exec(`
      pragma foreign_keys = on;
      create table child (id integer primary key, item references item deferrable initially deferred);
      begin; insert into child values (1, 1);
    `);
    vfs.forgetAll();
    await expect(db.exec("insert or rollback into child values (1, 2)")).rejects.toThrow();
    expect(db.inTransaction).toBe(false);
    await expect(db.exec("insert into child values (2, 99999)")).rejects.toMatchObject({
      codeName: "SQLITE_CONSTRAINT_FOREIGNKEY",
    });
    await db.exec("begin; insert into child values (3, 99999)");
    await expect(db.exec("commit")).rejects.toThrow("FOREIGN KEY");
    expect(db.inTransaction).toBe(true);
    await db.exec("insert into item (id, name) values (99999, 'late'); commit");
    expect(await rowsOf(db, "select id from child")).toEqual([[3]]);
  });

  test("full auto-vacuum commits cold, or asks for the transaction to be run again", async () => {
    const disk = await createDisk(`pragma auto_vacuum = full; ${ITEMS_SQL}`);
    const { db, vfs } = await openDelayed({ strategy, disk });
    await db.exec("pragma cache_size = 10");
    for (let attempt = 0; ; attempt++) {
      expect(attempt).toBeLessThan(200);
      await db.exec("begin; delete from item where id between 500 and 900");
      if (attempt === 0) vfs.forgetAll();
      const error = await db.exec("commit").catch((thrown: unknown) => thrown);
      expect(db.inTransaction).toBe(false);
      if (error === undefined) break;
      expect(strategy).toBe("rerun");
      expect(error).toMatchObject({ code: SQLITE_BUSY_SNAPSHOT });
      expect(await firstValue(db, "select count(*) from item")).toBe(3000);
    }
    expect(await firstValue(db, "select count(*) from item")).toBe(2599);
    vfs.forgetAll();
    await db.exec("delete from item where id between 1000 and 1200");
    vfs.forgetAll();
    expect(await firstValue(db, "select count(*) from item")).toBe(2398);
    expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
    expect(disk.get("test.db")?.size).toBe(
      Number(await firstValue(db, "pragma page_count")) *
        Number(await firstValue(db, "pragma page_size")),
    );
  });

  test("a page that is missing however often it is fetched is an error, not an endless loop", async () => {
    const opened = openDelayed({ strategy, disk: copyDisk(items), blocksMax: 0 });
    await expect(opened).rejects.toMatchObject({ codeName: "SQLITE_IOERR" });
  });

  test("twenty calls made at once on one instance take turns and answer right", async () => {
    const { db } = await openFar({ strategy, blocksMax, readAhead: 8 });
    const names =
      "select group_concat(id) from (select id from item where name like ? order by id)";
    const statement = (await db.prepare(names)).pluck();
    const expected = await Promise.all(
      Array.from({ length: 10 }, (_, digit) => firstValue(db, names, `item ${digit}%`)),
    );
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        at < 10 ? statement.get(`item ${at}%`) : firstValue(db, names, `item ${at - 10}%`),
      ),
    );
    expect(answers).toEqual([...expected, ...expected]);
    expect(new Set(answers).size).toBe(10);
    expect(answers.filter(Boolean).join().split(",")).toHaveLength(6000);
  });

  test("five instances suspended at once on random delays answer right, for every seed", async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const clock = new SimulatedClock({ mode: "auto" });
      const random = new SeededRandom(seed);
      let suspendedMost = 0;
      const fixtures = await Promise.all(
        Array.from({ length: 7 }, () =>
          openFar({ strategy, clock, random, blocksMax, readAhead: 16 }),
        ),
      );
      await Promise.all(
        fixtures.map(async ({ db, vfs }, number) => {
          for (let round = 0; round < 4; round++) {
            vfs.forgetAll();
            const watching = fixtures.filter((fixture) => fixture.vfs.fetchesInFlight > 0).length;
            suspendedMost = Math.max(suspendedMost, watching);
            const low = number * 300 + round * 50;
            const rows = await rowsOf(
              db,
              "select id, name, amount from item where id > ? and id <= ? order by name, id",
              low,
              low + 250,
            );
            expect(rows).toHaveLength(250);
            for (const [id, name, amount] of rows as [number, string, number][]) {
              expect(name).toBe(`item ${(id * 7919) % 3001}`);
              expect(amount).toBe((id % 100) + (id % 7 < round ? 1 : 0));
            }
            await db.exec(`update item set amount = amount + 1 where id % 7 = ${round}`);
          }
          const changed = "select sum(amount) from item";
          expect(await firstValue(db, changed)).toBe(148_500 + [0, 1, 2, 3].reduce(countOf, 0));
          expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
        }),
      );
      expect(suspendedMost).toBeGreaterThanOrEqual(5);
    }
  });
});

const SERIES = `(with recursive s (value) as
  (select 1 union all select value + 1 from s where value < 2000) select value from s)`;

/** Adds how many of 1 … 3000 leave this rest modulo 7. */
function countOf(sum: number, rest: number): number {
  return sum + Math.floor((3000 - rest) / 7) + (rest === 0 ? 0 : 1);
}
