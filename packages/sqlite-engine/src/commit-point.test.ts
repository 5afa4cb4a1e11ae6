import { describe, expect, test } from "vitest";
import {
  SQLITE_BUSY_SNAPSHOT,
  SQLITE_FULL,
  SQLITE_IOERR_FSYNC,
  SQLITE_OK,
} from "./result-codes.ts";
import {
  copyDisk,
  createDisk,
  firstValue,
  ITEMS_SQL,
  openDelayed,
  STRATEGIES,
} from "./testing/fixture.ts";

const items = await createDisk(ITEMS_SQL);

const REFUSALS = [
  ["SQLITE_IOERR_FSYNC", SQLITE_IOERR_FSYNC],
  ["SQLITE_FULL", SQLITE_FULL],
  ["SQLITE_BUSY_SNAPSHOT", SQLITE_BUSY_SNAPSHOT],
] as const;

describe.each(STRATEGIES)("the commit point, waiting by %s", (strategy) => {
  describe.each([false, true])("commits that wait: %s", (commitsWait) => {
    test.each(REFUSALS)(
      "%s is what COMMIT reports; the next transaction works",
      async (codeName, code) => {
        const { db, vfs } = await openDelayed({ strategy, commitsWait, disk: copyDisk(items) });
        await db.exec("begin; update item set amount = 0; delete from item where id > 2000");
        vfs.commitAnswers.push(code);
        await expect(db.exec("commit")).rejects.toMatchObject({ code, codeName });
        expect(db.inTransaction).toBe(false);
        expect(await firstValue(db, "select count(*) from item where amount > 0")).toBe(2970);
        expect(await firstValue(db, "pragma integrity_check")).toBe("ok");

        await db.exec("begin; delete from item where id > 1000; commit");
        expect(await firstValue(db, "select count(*) from item")).toBe(1000);
        expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
      },
    );

    test.each(REFUSALS)("%s fails a statement outside a transaction", async (codeName, code) => {
      const { db, vfs } = await openDelayed({ strategy, commitsWait, disk: copyDisk(items) });
      vfs.commitAnswers.push(code);
      await expect(db.exec("delete from item")).rejects.toMatchObject({ codeName });
      expect(db.inTransaction).toBe(false);
      await db.exec("delete from item where id = 1");
      expect(await firstValue(db, "select count(*) from item")).toBe(2999);
      expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
    });

    test("a transaction that spilled is refused and undone as well", async () => {
      const { db, vfs } = await openDelayed({ strategy, commitsWait, disk: copyDisk(items) });
      await db.exec("pragma cache_size = 5; begin; update item set note = note || 'y'");
      vfs.commitAnswers.push(SQLITE_FULL);
      await expect(db.exec("commit")).rejects.toMatchObject({ codeName: "SQLITE_FULL" });
      expect(await firstValue(db, "select count(*) from item where note like '%y'")).toBe(0);
      expect(await firstValue(db, "pragma integrity_check")).toBe("ok");
    });

    test("a returning insert that is not read to its end is committed", async () => {
      const { db, disk } = await openDelayed({ strategy, commitsWait });
      await db.exec("create table t (x)");
      const insert = await db.prepare("insert into t values (1), (2), (3) returning x");
      expect(await insert.get()).toEqual({ x: 1 });
      expect(db.inTransaction).toBe(false);
      const second = await openDelayed({ strategy, disk });
      expect(await firstValue(second.db, "select count(*) from t")).toBe(3);
    });

    test("a returning insert whose commit is refused rejects, although its row was there", async () => {
      const { db, vfs } = await openDelayed({ strategy, commitsWait });
      await db.exec("create table t (x)");
      const insert = await db.prepare("insert into t values (1), (2) returning x");
      vfs.commitAnswers.push(SQLITE_BUSY_SNAPSHOT);
      await expect(insert.get()).rejects.toMatchObject({ codeName: "SQLITE_BUSY_SNAPSHOT" });
      expect(await firstValue(db, "select count(*) from t")).toBe(0);
      expect(await insert.all()).toEqual([{ x: 1 }, { x: 2 }]);
    });

    test("BEGIN IMMEDIATE and COMMIT with nothing written reach no commit point", async () => {
      const { db, vfs } = await openDelayed({ strategy, commitsWait, disk: copyDisk(items) });
      vfs.commitAnswers.push(SQLITE_FULL);
      await db.exec("begin immediate; commit");
      expect(vfs.commitAnswers).toHaveLength(1);
      vfs.commitAnswers.push(SQLITE_OK);
    });
  });
});
