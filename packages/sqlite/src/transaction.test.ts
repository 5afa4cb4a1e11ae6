import { systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { SpillArea } from "./file/spill-area.ts";
import {
  MANY,
  openTestDatabase,
  SCHEMA,
  type TestDatabase,
  type TestDatabaseOptions,
} from "./testing/open-test-database.ts";
import { codeOf } from "./testing/volume-file-fixture.ts";

describe.each(["suspend", "rerun"] as const)("a transaction (%s)", (missStrategy) => {
  const open = (options: TestDatabaseOptions = {}): TestDatabase =>
    openTestDatabase({ missStrategy, ...options });

  describe("transactions", () => {
    test("commits what its function did, all at once", async () => {
      const { db, volume } = open();
      await db.exec(SCHEMA);
      const before = volume.commitCount;
      const id = await db.transaction(async (tx) => {
        await tx.exec("insert into t(a) values (1); insert into t(a) values (2)");
        expect(await tx.prepare("select count(*) from t").pluck().get()).toBe(2);
        expect(await db.prepare("select count(*) from t").pluck().get()).toBe(0);
        return (await tx.prepare("insert into t(a) values (3)").run()).lastInsertRowid;
      });
      expect(id).toBe(3);
      expect(volume.commitCount).toBe(before + 1);
      expect(await db.prepare("select sum(a) from t").pluck().get()).toBe(6);
      await db.close();
    });

    test("rolls back what a rejecting function did, and lets go of the lock", async () => {
      const { db, volume } = open();
      await db.exec(SCHEMA);
      const boom = new Error("boom");
      await expect(
        db.transaction(async (tx) => {
          await tx.exec("insert into t(a) values (1)");
          throw boom;
        }),
      ).rejects.toBe(boom);
      expect(volume.hasOpenWriter).toBe(false);
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(0);
      await db.close();
    });

    test("runs again on the new base when another client was first", async () => {
      const { db, volume } = open();
      await db.exec(`${SCHEMA}; insert into t(a) values (1)`);
      await volume.push();
      let runs = 0;
      await db.transaction(async (tx) => {
        await tx.exec("update t set a = a + 1");
        if (++runs === 1) {
          const page = volume.pageBytes(2)?.slice() ?? new Uint8Array(0);
          volume.receive({ pages: new Map([[2, page]]) });
        }
      });
      expect(runs).toBe(2);
      expect(await db.prepare("select a from t").pluck().get()).toBe(2);
      await db.close();
    });

    test("waits for another writer of the volume, and gives up after the busy timeout", async () => {
      const { db, volume } = open({ busyTimeoutMs: 60 });
      await db.exec(SCHEMA);
      const other = volume.openWriter();
      expect(await codeOf(db.transaction((tx) => tx.exec("delete from t")))).toBe("SQLITE_BUSY");
      expect(await codeOf(db.prepare("delete from t").run())).toBe("SQLITE_BUSY");
      const ended = systemClock.sleep(20).then(() => other?.rollback());
      await db.transaction((tx) => tx.exec("insert into t(a) values (1)"));
      await ended;
      expect(await db.prepare("pragma busy_timeout = 3000").get()).toEqual({
        busy_timeout: "3000",
      });
      await db.close();
    });

    test("take turns, and none sees half of another", async () => {
      const { db } = open();
      await db.exec(
        "create table account(id integer primary key, balance); " +
          "insert into account values (1, 100), (2, 100)",
      );
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          db.transaction(async (tx) => {
            await tx.prepare("update account set balance = balance - ? where id = 1").run(at);
            const total = await db.prepare("select sum(balance) from account").pluck().get();
            expect(total).toBe(200);
            await tx.prepare("update account set balance = balance + ? where id = 2").run(at);
          }),
        ),
      );
      expect(await db.prepare("select balance from account").pluck().all()).toEqual([-90, 290]);
      await db.close();
    });

    test("hold back every statement that writes, whatever it begins with", async () => {
      const { db } = open({ busyTimeoutMs: 0 });
      await db.exec(SCHEMA);
      const waiting: Promise<unknown>[] = [];
      await db.transaction(async (tx) => {
        await tx.exec("insert into t(a) values ('first')");
        const sql = "with v(x) as (values (?)) insert into t(a) select x from v returning a";
        waiting.push(db.prepare(sql).run("with"), db.prepare(sql).iterate("row by row").next());
        await systemClock.sleep(10);
      });
      await Promise.all(waiting);
      expect(await db.prepare("select a from t order by id").pluck().all()).toEqual([
        "first",
        "with",
        "row by row",
      ]);
      await db.close();
    });

    test("nest as savepoints", async () => {
      const { db } = open();
      await db.exec(SCHEMA);
      await db.transaction(async (tx) => {
        await tx.exec("insert into t(a) values ('outer')");
        await tx.transaction((inner) => inner.exec("insert into t(a) values ('kept')"));
        await expect(
          tx.transaction(async (inner) => {
            await inner.exec("insert into t(a) values ('gone')");
            throw new Error("no");
          }),
        ).rejects.toThrow("no");
      });
      expect(await db.prepare("select a from t").pluck().all()).toEqual(["outer", "kept"]);
      await db.close();
    });

    test("their handle is refused once they are over, and open loops end with them", async () => {
      const { db } = open();
      await db.exec(`${SCHEMA}; ${MANY}`);
      let leaked: Parameters<Parameters<typeof db.transaction>[0]>[0] | undefined;
      await db.transaction(async (tx) => {
        leaked = tx;
        const rows = tx.prepare("select id from t").iterate();
        expect((await rows.next()).value).toEqual({ id: 1 });
        await tx.exec("insert into t(a) values (1)");
      });
      await expect(leaked?.prepare("select 1").get()).rejects.toThrow(/transaction is over/);
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(3001);
      await db.close();
    });

    test("BEGIN … COMMIT by exec makes the database one connection until it ends", async () => {
      const { db, volume } = open();
      await db.exec(SCHEMA);
      await db.exec("begin");
      await db.exec("insert into t(a) values (1)");
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(1);
      expect(volume.pageCount).toBe(2);
      expect(await codeOf(db.transaction(async () => undefined))).toBe("SQLITE_ERROR");
      await db.exec("rollback");
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(0);
      await db.exec("begin; insert into t(a) values (2); commit");
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(1);
      await db.close();
    });

    test("scripts with a transaction may be issued at once", async () => {
      const { db } = open();
      await db.exec(SCHEMA);
      const script = "begin; insert into t(a) values (1); insert into t(a) values (2); commit";
      await Promise.all(Array.from({ length: 10 }, () => db.exec(script)));
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(20);
      await db.close();
    });

    test("a large one spills to unlinked files, and they are gone when it ends", async () => {
      const fileSystem = new SimulatedDisk();
      const spill = new SpillArea({
        memoryMax: 256 * 1024,
        disk: { fileSystem, directory: "/data/tmp", random: new SeededRandom(1) },
      });
      const { db } = open({ spill });
      await db.exec(`pragma cache_size = 10; ${SCHEMA}; ${MANY}`);
      await db.exec("begin; update t set b = a");
      expect(spill.memorySize).toBeLessThanOrEqual(256 * 1024);
      expect(fileSystem.list("/data/tmp")).toEqual([]);
      await db.exec("rollback");
      expect(await db.prepare("select count(*) from t where b = a").pluck().get()).toBe(0);
      const sorted = await db.prepare("select b from t order by b").pluck().all();
      expect(sorted).toEqual([...sorted].sort());
      await db.close();
      expect(spill.memorySize).toBe(0);
    });
  });
});
