import { GraftError } from "@graft/core";
import { SqliteError } from "@graft/sqlite-engine";
import { describe, expect, test } from "vitest";
import { FakeVolume } from "../testing/fake-volume.ts";
import { queryAll, queryValue } from "../testing/sql.ts";
import { codeOf, FILL, VolumeFileFixture } from "../testing/volume-file-fixture.ts";

describe.each(["suspend", "rerun"] as const)(
  "a transaction on a volume file (%s)",
  (missStrategy) => {
    const fixture = new VolumeFileFixture(missStrategy);

    describe("the commit point", () => {
      test.each(["full", "normal", "off"])(
        "synchronous=%s makes one commit a write",
        async (mode) => {
          const { volume, connection } = await fixture.openFilled();
          await connection.engine.exec(`pragma synchronous=${mode}`);
          const before = volume.commitCount;
          await connection.engine.exec("insert into t(a) values (1)");
          expect(volume.commitCount).toBe(before + 1);
          await fixture.expectSound(volume, connection);
        },
      );

      test("a transaction with nothing written makes no commit", async () => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        await connection.engine.exec(
          "begin immediate; commit; begin immediate; rollback; begin; end",
        );
        await connection.engine.exec("begin immediate; insert into t(a) values (1); rollback");
        expect(volume.version).toBe(before);
        await fixture.expectSound(volume, connection);
      });

      test("a transaction that ends where it began makes no commit", async () => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        await connection.engine.exec("update t set a = a where id = 1");
        await connection.engine.exec(
          "begin; update t set b = lower(b); update t set b = upper(b); end",
        );
        expect(volume.version).toBe(before);
        await fixture.expectSound(volume, connection);
      });

      test("a spilled transaction that is rolled back makes no commit", async () => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        const sum = await queryValue(connection, "select sum(id) from t");
        await connection.engine.exec("pragma cache_size = 5");
        await connection.engine.exec(`begin; update t set b = 'gone'; ${FILL}; rollback`);
        expect(volume.version).toBe(before);
        expect(await queryValue(connection, "select sum(id) from t")).toBe(sum);
        expect(await queryValue(connection, "select count(*) from t where b = 'gone'")).toBe(0);
        await fixture.expectSound(volume, connection);
      });

      test("a spilled transaction that is rolled back commits no free page that it had taken", async () => {
        const { volume, connection } = await fixture.openFilled();
        await connection.engine.exec("delete from t");
        const before = volume.version;
        await connection.engine.exec("pragma cache_size = 5");
        await connection.engine.exec(`begin; ${FILL}; rollback`);
        expect(volume.version).toBe(before);
        await fixture.expectSound(volume, connection);
      });

      test("a commit that was refused commits no free page either, and the next one does", async () => {
        const { volume, connection } = await fixture.openFilled();
        await connection.engine.exec("delete from t");
        const before = volume.version;
        volume.failCommits(() => {
          volume.failCommits(undefined);
          return new GraftError("busy-snapshot", "news");
        });
        expect(await codeOf(connection.engine.exec(FILL))).toBe("SQLITE_BUSY_SNAPSHOT");
        expect(volume.version).toBe(before);
        expect(volume.hasOpenWriter).toBe(false);
        await connection.engine.exec(FILL);
        expect(volume.version).toBe(before + 1);
        await fixture.expectSound(volume, connection);
      });

      test("commits follow each other under a query that stays open", async () => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        const rows = (await connection.engine.prepare("select id from t")).iterate();
        await rows.next();
        for (let commit = 1; commit <= 3; commit++) {
          await connection.engine.exec("update t set a = a || '!' where id = 3000");
          expect(volume.version).toBe(before + commit);
        }
        await rows.return();
        await fixture.expectSound(volume, connection);
      });

      test("a spilled savepoint that is rolled back leaves the rest of its transaction", async () => {
        const { volume, connection } = await fixture.openFilled();
        await connection.engine.exec("pragma cache_size = 5");
        await connection.engine.exec(
          `begin; insert into t(a) values ('kept'); savepoint s; update t set b = 'gone'; ${FILL};
         rollback to s; release s; commit`,
        );
        expect(await queryValue(connection, "select count(*) from t")).toBe(3001);
        expect(await queryValue(connection, "select count(*) from t where b = 'gone'")).toBe(0);
        await fixture.expectSound(volume, connection);
      });

      test("closing a connection inside a transaction commits nothing and holds no lock", async () => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        await connection.engine.exec("begin; delete from t");
        expect(volume.hasOpenWriter).toBe(true);
        await connection.close();
        expect(volume.version).toBe(before);
        expect(volume.hasOpenWriter).toBe(false);
        expect(volume.openReaderCount).toBe(0);
      });

      test("no reader stays open when no statement runs", async () => {
        const { volume, connection } = await fixture.openFilled();
        await queryAll(connection, "select * from t limit 3");
        expect(volume.openReaderCount).toBe(0);
        await fixture.expectSound(volume, connection);
      });
    });

    describe("the page count of a commit is what page 1 says", () => {
      test("VACUUM shrinks the volume in one commit, and its late truncation is absorbed", async () => {
        const { volume, connection } = await fixture.openFilled();
        await connection.engine.exec("delete from t where id > 10");
        const [pages, commits] = [volume.pageCount, volume.commitCount];
        await connection.engine.exec("vacuum");
        expect(volume.pageCount).toBeLessThan(pages / 2);
        expect(volume.commitCount).toBe(commits + 1);
        await fixture.expectSound(volume, connection);
        expect(await queryValue(connection, "select count(*) from t")).toBe(10);
      });

      test.each(["full", "incremental"])("auto_vacuum=%s shrinks the volume", async (mode) => {
        const volume = new FakeVolume();
        const connection = await fixture.open(volume);
        await connection.engine.exec(`pragma auto_vacuum=${mode}; create table t(id integer primary key,
        a, b); ${FILL}`);
        const pages = volume.pageCount;
        await connection.engine.exec("delete from t where id % 100 > 0; pragma incremental_vacuum");
        expect(volume.pageCount).toBeLessThan(pages / 2);
        await connection.engine.exec("insert into t(a) values ('after')");
        await fixture.expectSound(volume, connection);
        expect(await queryValue(connection, "select count(*) from t")).toBe(31);
      });

      test("a page allocated and freed at the end of the file counts as SQLite counts it", async () => {
        const { volume, connection } = await fixture.openFilled();
        const pages = volume.pageCount;
        await connection.engine.exec("begin; create table u(x); drop table u; commit");
        expect(volume.pageCount).toBe(pages + 1);
        expect(await queryValue(connection, "pragma freelist_count")).toBe(1);
        await fixture.expectSound(volume, connection);
      });

      test("after shrink and regrow an allocated page never shows its old bytes", async () => {
        const { volume, connection } = await fixture.openFilled();
        await connection.engine.exec("pragma cache_size = 5; delete from t; vacuum");
        await connection.engine.exec(`begin; ${FILL}; delete from t where id > 5; commit`);
        await connection.engine.exec(FILL);
        await fixture.expectSound(volume, connection);
        expect(await queryValue(connection, "select count(*) from t")).toBe(3005);
      });
    });

    describe("a commit that fails", () => {
      const full = new GraftError("io", "the disk is full", { details: { reason: "full" } });
      test.each([
        [full, "SQLITE_FULL"],
        [new GraftError("io", "the disk is gone"), "SQLITE_IOERR_FSYNC"],
        [new GraftError("busy-snapshot", "news"), "SQLITE_BUSY_SNAPSHOT"],
        [new GraftError("corrupt", "a page"), "SQLITE_CORRUPT"],
      ])("%s is what COMMIT reports, and nothing stays behind", async (failure, expected) => {
        const { volume, connection } = await fixture.openFilled();
        const before = volume.version;
        volume.failCommits(() => failure);
        for (const cacheSize of [5, 2000]) {
          await connection.engine.exec(`pragma cache_size = ${cacheSize}`);
          await connection.engine.exec(`begin; update t set b = 'gone'; ${FILL}`);
          expect(await codeOf(connection.engine.exec("commit"))).toBe(expected);
          expect(volume.version).toBe(before);
          await fixture.expectSound(volume, connection);
          expect(await queryValue(connection, "select count(*) from t where b = 'gone'")).toBe(0);
        }
        volume.failCommits(undefined);
        await connection.engine.exec("insert into t(a) values ('after')");
        expect(volume.version).toBe(before + 1);
        await fixture.expectSound(volume, connection);
      });

      test("carries the cause to whoever committed", async () => {
        const { volume, connection } = await fixture.openFilled();
        volume.failCommits(() => full);
        const error = await connection.engine
          .exec("delete from t")
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(SqliteError);
        const causes = [];
        for (let at = error; at instanceof Error; at = at.cause) causes.push(at);
        expect(causes).toContain(full);
      });
    });
  },
);
