import { toPageSize } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { SpillArea } from "../file/spill-area.ts";
import { FakeVolume } from "../testing/fake-volume.ts";
import {
  MANY,
  openTestDatabase,
  SCHEMA,
  type TestDatabase,
  type TestDatabaseOptions,
} from "../testing/open-test-database.ts";
import { codeOf } from "../testing/volume-file-fixture.ts";

describe.each(["suspend", "rerun"] as const)(
  "the connections of a database (%s)",
  (missStrategy) => {
    const open = (options: TestDatabaseOptions = {}): TestDatabase =>
      openTestDatabase({ missStrategy, ...options });

    describe("what lives on connections", () => {
      test("the size of the page cache is what it was after a VACUUM", async () => {
        const { db } = open();
        await db.exec(`${SCHEMA}; pragma cache_size = 77; vacuum`);
        expect(await db.prepare("pragma cache_size").pluck().get()).toBe(77);
        await db.transaction((tx) => tx.exec("insert into t(a) values (1)"));
        expect(await db.prepare("pragma main.cache_size").pluck().get()).toBe(77);
      });

      test("temporary tables are seen by every statement until they are dropped", async () => {
        const { db, volume } = open();
        await db.exec(`${SCHEMA}; insert into t(a) values (1)`);
        const before = volume.commitCount;
        await db.exec("create temp table scratch as select a from t");
        await db.prepare("insert into scratch values (?)").run(2);
        expect(await db.prepare("select sum(a) from scratch").pluck().get()).toBe(3);
        expect(volume.commitCount).toBe(before);
        await db.exec("drop table temp.scratch");
        expect(await codeOf(db.prepare("select * from scratch").get())).toBe("SQLITE_ERROR");
        await db.transaction((tx) =>
          tx.exec("create temporary view v as select a + 1 as a from t"),
        );
        expect(await db.prepare("select a from v").pluck().get()).toBe(2);
        await db.close();
      });

      test("settings made by pragma hold for every connection", async () => {
        const { db } = open();
        await db.exec("create table p(id integer primary key); create table c(p references p(id))");
        await db.prepare("select 1").get();
        await db.exec("pragma foreign_keys = on; pragma case_sensitive_like = 1");
        expect(await codeOf(db.exec("insert into c values (9)"))).toBe(
          "SQLITE_CONSTRAINT_FOREIGNKEY",
        );
        const asked = [1, 2, 3].map(() => db.prepare("pragma foreign_keys").pluck().get());
        expect(await Promise.all(asked)).toEqual([1, 1, 1]);
        expect(await db.prepare("select 'a' like 'A'").pluck().get()).toBe(0);
        await db.close();
      });

      test("an attached volume is seen by every connection; each volume commits alone", async () => {
        const other = new FakeVolume({ pageSize: toPageSize(1024) });
        const { db, volume } = open();
        await db.attach("other", other);
        await db.exec(`${SCHEMA}; create table other.u(x); insert into other.u values (1)`);
        const reads = [1, 2, 3].map(() => db.prepare("select x from other.u").pluck().get());
        expect(await Promise.all(reads)).toEqual([1, 1, 1]);
        const [before, otherBefore] = [volume.commitCount, other.commitCount];
        await db.transaction((tx) =>
          tx.exec("insert into t(a) values (1); insert into u values (2)"),
        );
        expect([volume.commitCount - before, other.commitCount - otherBefore]).toEqual([1, 1]);
        await expect(db.attach("other", other)).rejects.toThrow(/already attached/);
        await db.close();
      });

      test("connections opened again after idling know what was attached and set", async () => {
        const other = new FakeVolume();
        const { db } = open();
        await db.attach("other", other);
        await db.exec("create table other.u(x); pragma cache_size = 77");
        await db.releaseIdle();
        expect(db.connectionCount).toBe(0);
        const writes = [1, 2, 3, 4].map((x) => db.prepare("insert into other.u values (?)").run(x));
        const reads = [1, 2, 3].map(() => db.prepare("pragma cache_size").pluck().get());
        await Promise.all(writes);
        expect(await Promise.all(reads)).toEqual([77, 77, 77]);
        expect(await db.prepare("select sum(x) from u").pluck().get()).toBe(10);
        await db.close();
      });

      test("a transaction over two volumes of which one fails is taken back in both", async () => {
        const other = new FakeVolume();
        const { db, volume } = open();
        await db.attach("other", other);
        await db.exec(`${SCHEMA}; create table other.u(x)`);
        for (const failing of [volume, other]) {
          failing.failCommits(() => new Error("the disk is gone"));
          const both = db.transaction((tx) =>
            tx.exec("insert into t(a) values (1); insert into u values (2)"),
          );
          await expect(both).rejects.toThrow();
          failing.failCommits(undefined);
          expect(
            await db
              .prepare("select (select count(*) from t) + (select count(*) from u)")
              .pluck()
              .get(),
          ).toBe(0);
          expect([volume.hasOpenWriter, other.hasOpenWriter]).toEqual([false, false]);
        }
        await db.exec("insert into t(a) values (1); insert into u values (2)");
        expect(await db.prepare("pragma integrity_check").pluck().get()).toBe("ok");
        await db.close();
      });

      test("ATTACH by SQL works for memory, and for volumes only through attach()", async () => {
        const { db } = open();
        await db.exec("attach ':memory:' as m; create table m.x(y); insert into x values (5)");
        expect(await db.prepare("select y from m.x").pluck().get()).toBe(5);
        await db.exec("detach m");
        expect(await codeOf(db.exec("attach 'elsewhere.db' as e"))).toBe("SQLITE_CANTOPEN");
        await db.close();
      });
    });

    test("sorts and temporary tables that outgrow memory go to unlinked files", async () => {
      const disk = new SimulatedDisk();
      const memoryMax = 128 * 1024;
      const files = { fileSystem: disk, directory: "/data/tmp", random: new SeededRandom(1) };
      const spill = new SpillArea({ memoryMax, disk: files });
      const { db } = open({ spill });
      await db.exec(`pragma cache_size = 10; pragma temp.cache_size = 10; ${SCHEMA}`);
      for (let at = 0; at < 4; at++) await db.exec(MANY);
      let opened = 0;
      const watched = disk.open.bind(disk);
      disk.open = (path, mode) => {
        opened++;
        return watched(path, mode);
      };
      const sorted = await db.prepare("select b || a from t order by 1").pluck().all();
      expect(sorted).toEqual([...sorted].sort());
      await db.exec("create temp table copy as select * from t; create index temp.i on copy(b)");
      expect(await db.prepare("select count(*) from copy where b > ''").pluck().get()).toBe(12_000);
      expect(opened).toBeGreaterThan(1);
      expect(disk.list("/data/tmp")).toEqual([]);
      expect(spill.memorySize).toBeLessThanOrEqual(memoryMax);
      await db.close();
      expect(spill.memorySize).toBe(0);
    });

    describe("connections", () => {
      test("are opened as needed, up to a limit, and closed when idle", async () => {
        const { db } = open({ readersMax: 3, idleMs: 30 });
        expect(db.connectionCount).toBe(0);
        await db.exec(`${SCHEMA}; ${MANY}`);
        await Promise.all(
          Array.from({ length: 9 }, () => db.prepare("select count(*) from t").get()),
        );
        expect(db.connectionCount).toBeLessThanOrEqual(4);
        await systemClock.sleep(150);
        expect(db.connectionCount).toBe(0);
        expect(await db.prepare("select count(*) from t").pluck().get()).toBe(3000);
        await db.close();
      });

      test("a reader that waits for a connection may be stopped", async () => {
        const held = Promise.withResolvers<void>();
        let isFar = false;
        const volume = new FakeVolume({
          onFetch: async () => void (isFar && (await held.promise)),
        });
        const { db } = open({ volume, readersMax: 1 });
        await db.exec(`${SCHEMA}; ${MANY}`);
        await db.releaseIdle();
        volume.evict();
        isFar = true;
        const reading = db.prepare("select count(*) from t").pluck().get();
        const waiting = db
          .prepare("select 1")
          .with({ signal: AbortSignal.timeout(20) })
          .get();
        await expect(waiting).rejects.toThrow(/timeout/i);
        held.resolve();
        expect(await reading).toBe(3000);
        expect(await db.prepare("select 1").pluck().get()).toBe(1);
        await db.close();
      });

      test("a loop over rows may read inside, however many loops are open", async () => {
        const { db } = open({ readersMax: 2 });
        await db.exec(`${SCHEMA}; ${MANY}`);
        const first = db.prepare("select id from t where id <= 5").pluck();
        let sum = 0;
        const loop = async (): Promise<void> => {
          for await (const outer of first.iterate()) {
            for await (const inner of first.iterate()) {
              const product = await db.prepare("select ? * ?").pluck().get(outer, inner);
              sum += Number(product);
            }
          }
        };
        await Promise.all(Array.from({ length: 4 }, loop));
        expect(sum).toBe(4 * 225);
        await db.releaseIdle();
        expect(db.connectionCount).toBe(0);
        await db.close();
      });

      test("reads that need no waiting keep their snapshot for as long as it is the latest", async () => {
        const { db, volume } = open();
        await db.exec(`${SCHEMA}; ${MANY}`);
        const count = db.prepare("select count(*) from t").pluck();
        for (let at = 0; at < 5; at++) expect(await count.get()).toBe(3000);
        expect(volume.openReaderCount).toBe(1);
        await db.exec("delete from t where id = 1");
        expect(await count.get()).toBe(2999);
        const pages = new Map([[1, volume.pageBytes(1)?.slice() ?? new Uint8Array()]]);
        volume.receive({ pages });
        expect(await count.all()).toEqual([2999]);
        await systemClock.sleep(250);
        expect(volume.openReaderCount).toBe(0);
        expect(await count.get()).toBe(2999);
        await db.close();
        expect(volume.openReaderCount).toBe(0);
      });

      test("one whose SQLite crashed is thrown away, with what it had not committed", async () => {
        const { db, volume } = open();
        await db.exec(`pragma cache_size = 1; ${SCHEMA}; ${MANY}`);
        const before = volume.version;
        // As a stray pointer would: over SQLite's stack, heap and static data.
        const vandalize = (target: Uint8Array): void => {
          new Uint8Array(target.buffer).fill(0xff);
        };
        volume.onRead = vandalize;
        await expect(db.prepare("select sum(a) from t").get()).rejects.toThrow(/SQLite crashed/);
        volume.onRead = undefined;
        expect(await db.prepare("select sum(a) from t").pluck().get()).toBe(4_501_500);

        const broken = db.transaction(async (tx) => {
          await tx.exec("update t set a = 0");
          volume.onRead = vandalize;
          await tx.prepare("select sum(a) from t where b <> ''").get();
        });
        await expect(broken).rejects.toThrow(/SQLite crashed/);
        volume.onRead = undefined;
        expect([volume.hasOpenWriter, volume.version]).toEqual([false, before]);
        await db.exec("update t set a = a + 1 where id = 1");
        expect(await db.prepare("select sum(a) from t").pluck().get()).toBe(4_501_501);
        await db.close();
        expect(volume.openReaderCount).toBe(0);
      });

      test("closing does not wait for a page that never comes", async () => {
        const volume = new FakeVolume({ onFetch: () => new Promise(() => undefined) });
        const { db } = open({ volume });
        await db.exec(`${SCHEMA}; ${MANY}`);
        await db.releaseIdle();
        volume.evict([...Array(50).keys()].slice(2));
        const reading = db.prepare("select sum(a) from t").get();
        const writing = db.prepare("update t set a = 0").run();
        const outcomes = Promise.allSettled([reading, writing]);
        await systemClock.sleep(20);
        await db.close();
        for (const outcome of await outcomes) {
          expect(outcome).toMatchObject({ status: "rejected", reason: { primaryCode: 10 } });
        }
        expect([volume.hasOpenWriter, volume.openReaderCount]).toEqual([false, 0]);
      });

      test("closing ends them all; later calls are refused", async () => {
        const { db, volume } = open();
        await db.exec(`${SCHEMA}; ${MANY}`);
        const rows = db.prepare("select id from t").iterate();
        await rows.next();
        await db.exec("begin; delete from t");
        await db.close();
        await db.close();
        // Without JSPI all rows were read before the first was handed out.
        if (missStrategy === "suspend") {
          await expect(rows.next().then(() => rows.next())).rejects.toThrow(/closed/);
        }
        await expect(db.exec("select 1")).rejects.toThrow(/closed/);
        expect([volume.openReaderCount, volume.hasOpenWriter]).toEqual([0, false]);
        expect(volume.pageCount).toBeGreaterThan(50);
      });
    });
  },
);
