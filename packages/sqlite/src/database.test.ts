import type { PageSet } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { FakeVolume } from "./testing/fake-volume.ts";
import {
  MANY,
  openTestDatabase,
  SCHEMA,
  type TestDatabase,
  type TestDatabaseOptions,
} from "./testing/open-test-database.ts";
import { codeOf } from "./testing/volume-file-fixture.ts";

describe.each(["suspend", "rerun"] as const)("a database (%s)", (missStrategy) => {
  const open = (options: TestDatabaseOptions = {}): TestDatabase =>
    openTestDatabase({ missStrategy, ...options });

  describe("statements", () => {
    test("get, all, iterate, run, columns, raw and pluck say what node:sqlite says", async () => {
      const { db } = open();
      await db.exec("create table t(id integer primary key, name text, data blob, big int)");
      const insert = db.prepare("insert into t(name, data, big) values (:name, :data, :big)");
      const big = 2n ** 60n;
      const first = { name: "one", data: new Uint8Array([1, 2]), big };
      expect(await insert.run(first)).toEqual({ changes: 1, lastInsertRowid: 1 });
      await insert.run({ ":name": "two", ":data": null, ":big": 7 });
      const select = db.prepare("select * from t where id = ?");
      expect(await select.get(2)).toEqual({ id: 2, name: "two", data: null, big: 7 });
      expect(await select.get(9)).toBeUndefined();
      expect(await select.raw().get(2)).toEqual([2, "two", null, 7]);
      expect(await db.prepare("select name from t order by id").pluck().all()).toEqual([
        "one",
        "two",
      ]);
      expect((await select.columns()).map(({ name }) => name)).toEqual([
        "id",
        "name",
        "data",
        "big",
      ]);
      await expect(select.get(1)).rejects.toThrow();
      select.setReadBigInts(true);
      expect(await select.get(1)).toEqual({ id: 1n, name: "one", data: first.data, big });
      const names: unknown[] = [];
      for await (const row of db.prepare("select name from t").iterate()) names.push(row.name);
      expect(names).toEqual(["one", "two"]);
      await db.close();
    });

    test("one query object may be run many times at once", async () => {
      const { db } = open();
      await db.exec(`${SCHEMA}; ${MANY}`);
      const query = db.prepare("select a from t where id = ?").pluck();
      const wanted = Array.from({ length: 40 }, (_, at) => at * 70 + 1);
      expect(await Promise.all(wanted.map((id) => query.get(id)))).toEqual(wanted);
      await db.close();
    });

    test("an error in SQL names its place, and the database goes on", async () => {
      const { db } = open();
      expect(await codeOf(db.exec("select * from nowhere"))).toBe("SQLITE_ERROR");
      await expect(db.prepare("selec 1").get()).rejects.toMatchObject({ offset: 0 });
      await expect(db.prepare("select 1; select 2").get()).rejects.toThrow(
        /more than one statement/,
      );
      expect(await db.prepare("select 1").pluck().get()).toBe(1);
      await db.close();
    });

    test("a signal stops a query, and the next one works", async () => {
      const { db } = open();
      const endless = db.prepare(
        "with recursive n(i) as (select 1 union all select i + 1 from n) " +
          "select count(*) from n limit 1",
      );
      if (missStrategy === "suspend") {
        await expect(endless.with({ signal: AbortSignal.timeout(50) }).get()).rejects.toThrow(
          /timeout/i,
        );
      }
      await expect(endless.with({ signal: AbortSignal.abort() }).get()).rejects.toThrow(/abort/i);
      expect(await db.prepare("select 1").pluck().get()).toBe(1);
      await db.close();
    });

    test("last_insert_rowid() and changes() speak of the last write", async () => {
      const { db } = open();
      await db.exec(SCHEMA);
      await db.prepare("insert into t(id) values (41), (42)").run();
      const last = await db.prepare("select last_insert_rowid() as id, changes() as n").get();
      expect(last).toEqual({ id: 42, n: 2 });
      await db.close();
    });

    test("RETURNING and WITH … INSERT write, whatever they begin with", async () => {
      const { db } = open();
      await db.exec(SCHEMA);
      const returning = db.prepare("insert into t(a) values (1), (2) returning id, a");
      expect(await returning.all()).toEqual([
        { id: 1, a: 1 },
        { id: 2, a: 2 },
      ]);
      await db.prepare("with v(x) as (values (3)) insert into t(a) select x from v").run();
      const rows: unknown[] = [];
      const iterated = db.prepare(
        "with v(x) as (values (4)) insert into t(a) select x from v returning a",
      );
      for await (const row of iterated.iterate()) rows.push(row);
      expect(rows).toEqual([{ a: 4 }]);
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(4);
      await db.close();
    });
  });

  describe("reads beside writes", () => {
    test("a loop over rows keeps its snapshot while its body writes", async () => {
      const { db, volume } = open();
      await db.exec(`${SCHEMA}; ${MANY}`);
      let count = 0;
      for await (const row of db.prepare("select id from t").iterate()) {
        if (count++ < 20) await db.prepare("delete from t where id = ?").run(Number(row.id) + 1000);
      }
      expect(count).toBe(3000);
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(2980);
      await db.close();
      expect(volume.openReaderCount).toBe(0);
    });

    test("leaving a loop early gives its connection back", async () => {
      const { db, volume } = open({ readersMax: 1 });
      await db.exec(`${SCHEMA}; ${MANY}`);
      for (let at = 0; at < 3; at++) {
        for await (const row of db.prepare("select id from t").iterate()) {
          if (row.id === 10) break;
        }
      }
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(3000);
      expect(volume.openReaderCount).toBe(0);
      await db.close();
    });

    test("a query that waits for a page holds up neither reads nor writes", async () => {
      const held = Promise.withResolvers<void>();
      let isFar = false;
      const volume = new FakeVolume({ onFetch: async () => void (isFar && (await held.promise)) });
      const { db } = open({ volume });
      await db.exec(`${SCHEMA}; ${MANY}`);
      await db.exec("create table near(x); insert into near values (1)");
      const near = await db
        .prepare("select rootpage from sqlite_schema where name = 'near'")
        .pluck()
        .get();
      await db.releaseIdle();
      volume.evict(Array.from({ length: 300 }, (_, at) => at + 2).filter((page) => page !== near));
      isFar = true;
      const waiting = db.prepare("select sum(a) from t").pluck().get();
      expect(await db.prepare("select x from near").pluck().get()).toBe(1);
      await db.exec("update near set x = 2");
      expect(await db.prepare("select x from near").pluck().get()).toBe(2);
      held.resolve();
      expect(await waiting).toBe(4_501_500);
      await db.close();
    });

    test.each([1, 2, 3])(
      "many statements suspended at once answer right (seed %i)",
      async (seed) => {
        const random = new SeededRandom(seed);
        const volume = new FakeVolume({
          onFetch: () => systemClock.sleep(random.integer(0, 4)),
        });
        const { db } = open({ volume });
        await db.exec(`${SCHEMA}; ${MANY}; create index by_b on t(b)`);
        await db.releaseIdle();
        volume.evict();
        const queries = Array.from({ length: 12 }, async (_, at) => {
          const low = 1 + at * 200;
          const sum = await db
            .prepare("select sum(a) from t where id between ? and ?")
            .pluck()
            .get(low, low + 399);
          expect(sum).toBe((400 * (2 * low + 399)) / 2);
          const count = await db.prepare("select count(*) from t where b >= ''").pluck().get();
          expect(count).toBe(3000);
          return await db
            .prepare("select group_concat(a) from (select a from t where id > ? limit 5)")
            .pluck()
            .get(low);
        });
        const answers = await Promise.all(queries);
        const expected = answers.map((_, at) =>
          [1, 2, 3, 4, 5].map((step) => at * 200 + 1 + step).join(","),
        );
        expect(answers).toEqual(expected);
        await db.close();
        expect(volume.openReaderCount).toBe(0);
      },
    );
  });

  test("triggers, FTS5, JSON, window functions and generated columns work", async () => {
    const { db } = open();
    await db.exec(`
      create table doc(id integer primary key, body text, meta text, n int as (json_extract(meta, '$.n')));
      create virtual table doc_fts using fts5(body, content=doc, content_rowid=id);
      create trigger doc_ai after insert on doc begin
        insert into doc_fts(rowid, body) values (new.id, new.body);
        select case when new.n is null then raise(abort, 'n; is missing') end;
      end;
      insert into doc(body, meta) values ('the quick fox', '{"n": 3}'), ('a slow dog', '{"n": 4}');
    `);
    const found = db.prepare("select rowid from doc_fts where doc_fts match ?").pluck();
    expect(await found.all("quick")).toEqual([1]);
    expect(
      await db.prepare("select sum(n) over (order by id) as s from doc").pluck().all(),
    ).toEqual([3, 7]);
    await expect(db.exec("insert into doc(body, meta) values ('x', '{}')")).rejects.toThrow(
      "n; is missing",
    );
    expect(await found.all("x")).toEqual([]);
    await db.close();
  });

  test("an opening that needs a page fetches it", async () => {
    const fetched: PageSet[] = [];
    const volume = new FakeVolume({ onFetch: async (pages) => void fetched.push(pages) });
    const { db } = open({ volume });
    await db.exec(SCHEMA);
    await db.releaseIdle();
    volume.evict();
    expect(await db.prepare("select count(*) from t").pluck().get()).toBe(0);
    expect(fetched.map((pages) => [...pages])).toEqual([[1], [2]]);
    await db.close();
  });
});
