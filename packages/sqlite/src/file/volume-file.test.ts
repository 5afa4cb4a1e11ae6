import { GraftError, toPageCount, toPageSize } from "@graft/core";
import { describe, expect, test } from "vitest";
import { writeUint32 } from "../page-one.ts";
import { FakeVolume } from "../testing/fake-volume.ts";
import { queryValue } from "../testing/sql.ts";
import { codeOf, FILL, VolumeFileFixture } from "../testing/volume-file-fixture.ts";

describe.each(["suspend", "rerun"] as const)("SQLite on a volume file (%s)", (missStrategy) => {
  const fixture = new VolumeFileFixture(missStrategy);

  describe("snapshots and locks", () => {
    test("a reader keeps its snapshot while the writer commits", async () => {
      const { volume, connection } = await fixture.openFilled();
      const reader = await fixture.open(volume);
      await reader.engine.exec("begin");
      expect(await queryValue(reader, "select count(*) from t")).toBe(3000);
      await connection.engine.exec("delete from t where id > 5; vacuum");
      await reader.engine.exec("pragma cache_size = 2");
      expect(await queryValue(reader, "select count(*) from t where b is not null")).toBe(3000);
      await reader.engine.exec("commit");
      expect(await queryValue(reader, "select count(*) from t")).toBe(5);
    });

    test("a stale reader that wants to write gets SQLITE_BUSY_SNAPSHOT", async () => {
      const { volume, connection } = await fixture.openFilled();
      const stale = await fixture.open(volume);
      await stale.engine.exec("begin");
      await queryValue(stale, "select count(*) from t");
      await connection.engine.exec("insert into t(a) values (1)");
      expect(await codeOf(stale.engine.exec("insert into t(a) values (2)"))).toBe(
        "SQLITE_BUSY_SNAPSHOT",
      );
      await stale.engine.exec("rollback; insert into t(a) values (2)");
      await fixture.expectSound(volume, stale);
    });

    test("a second writer gets SQLITE_BUSY and works when the first has ended", async () => {
      const { volume, connection } = await fixture.openFilled();
      const second = await fixture.open(volume);
      await connection.engine.exec("begin immediate");
      expect(await codeOf(second.engine.exec("begin immediate"))).toBe("SQLITE_BUSY");
      expect(await codeOf(second.engine.exec("delete from t"))).toBe("SQLITE_BUSY");
      expect(await queryValue(second, "select count(*) from t")).toBe(3000);
      await connection.engine.exec("rollback");
      await second.engine.exec("delete from t");
      await fixture.expectSound(volume, second);
    });

    test("a push that ends never disturbs a transaction, reading or writing", async () => {
      const { volume, connection } = await fixture.openFilled();
      await connection.engine.exec("begin; insert into t(a) values ('mine')");
      await volume.push();
      await connection.engine.exec("commit");
      await connection.engine.exec("begin");
      await queryValue(connection, "select count(*) from t");
      await volume.push();
      await connection.engine.exec("insert into t(a) values ('upgraded'); commit");
      expect(await queryValue(connection, "select count(*) from t")).toBe(3002);
      await fixture.expectSound(volume, connection);
    });

    test("a reset leaves live readers their snapshot", async () => {
      const { volume, connection } = await fixture.openFilled();
      await volume.push();
      await connection.engine.exec("delete from t where id > 5; vacuum");
      const reader = await fixture.open(volume);
      await reader.engine.exec("pragma cache_size = 2; begin");
      expect(await queryValue(reader, "select count(*) from t")).toBe(5);
      await volume.reset();
      expect(await queryValue(reader, "select count(*) from t where b > ''")).toBe(5);
      await reader.engine.exec("commit");
      expect(await queryValue(reader, "select count(*) from t")).toBe(3000);
    });

    test("news that arrives during a write transaction fails its COMMIT, not what follows", async () => {
      const { volume, connection } = await fixture.openFilled();
      await volume.push();
      await connection.engine.exec("begin; insert into t(a) values ('mine')");
      const page = volume.pageBytes(3)?.slice() ?? new Uint8Array(0);
      volume.receive({ pages: new Map([[3, page]]) });
      expect(await codeOf(connection.engine.exec("commit"))).toBe("SQLITE_BUSY_SNAPSHOT");
      await connection.engine.exec("insert into t(a) values ('again')");
      await fixture.expectSound(volume, connection);
    });
  });

  describe("the change counter", () => {
    test("SQLite keeps its page cache after its own commit", async () => {
      const { volume, connection } = await fixture.openFilled();
      await queryValue(connection, "select count(*) from t where b = ''");
      await connection.engine.exec("insert into t(a) values (1)");
      const before = volume.readCount;
      await queryValue(connection, "select count(*) from t where b = ''");
      expect(volume.readCount).toBe(before);
    });

    test("a push changes nothing that SQLite sees", async () => {
      const { volume, connection } = await fixture.openFilled();
      await queryValue(connection, "select count(*) from t where b = ''");
      await volume.push();
      const before = volume.readCount;
      await queryValue(connection, "select count(*) from t where b = ''");
      expect(volume.readCount).toBe(before);
    });

    test("SQLite drops its page cache after somebody else's commit", async () => {
      const { volume, connection } = await fixture.openFilled();
      const other = await fixture.open(volume);
      expect(await queryValue(other, "select count(*) from t")).toBe(3000);
      await connection.engine.exec("delete from t where id = 7");
      expect(await queryValue(other, "select count(*) from t")).toBe(2999);
    });

    test("a commit that changed nothing does not hide the next one of somebody else", async () => {
      const { volume, connection } = await fixture.openFilled();
      const other = await fixture.open(volume);
      expect(await queryValue(other, "select a from t where id = 7")).toBe(7);
      // SQLite counts this transaction; the volume does not.
      const version = volume.version;
      await other.engine.exec(`begin; update t set b = lower(b) where id = 7;
        update t set b = upper(b) where id = 7; commit`);
      expect(volume.version).toBe(version);
      await connection.engine.exec("update t set a = 'new' where id = 7");
      expect(await queryValue(other, "select a from t where id = 7")).toBe("new");
    });

    test("page 1 is not part of a commit that changes neither schema nor size", async () => {
      const { volume, connection } = await fixture.openFilled();
      await connection.engine.exec("update t set a = 'x' where id = 7");
      expect([...(volume.pendingCommits().at(-1)?.pages ?? [])]).not.toContain(1);
    });

    test("a page 1 that a client of v0.1 left unmasked is not committed for that alone", async () => {
      const { volume, connection } = await fixture.openFilled();
      const page = volume.pageBytes(1)?.slice() ?? new Uint8Array(0);
      writeUint32(page, 96, 3_046_001);
      volume.receive({ pages: new Map([[1, page]]) });
      await connection.engine.exec("update t set a = 'x' where id = 7");
      expect([...(volume.pendingCommits().at(-1)?.pages ?? [])]).not.toContain(1);
    });
  });

  describe("pages that are not here", () => {
    test("a lookup fetches only pages that SQLite touches", async () => {
      const { volume, connection } = await fixture.openFilled();
      volume.evict();
      const fresh = await fixture.open(volume);
      expect(await queryValue(fresh, "select a from t where id = 1500")).toBe(1500);
      expect(volume.fetchedPages).toHaveLength(3);
      await connection.close();
    });

    test("a scan of absent pages gives every row once", async () => {
      const { volume } = await fixture.openFilled();
      volume.evict();
      const fresh = await fixture.open(volume);
      await fresh.engine.exec("pragma cache_size = 5");
      expect(await queryValue(fresh, "select sum(id) from t where b <> ''")).toBe(4_501_500);
    });

    test("an UPDATE over absent pages changes each row once", async () => {
      const { volume } = await fixture.openFilled();
      volume.evict();
      const fresh = await fixture.open(volume);
      await fresh.engine.exec("update t set a = a + 1");
      expect(await queryValue(fresh, "select sum(a) - sum(id) from t")).toBe(3000);
      await fixture.expectSound(volume, fresh);
    });

    test("a fetch that fails fails the statement with its cause, and the next one works", async () => {
      const gone = new GraftError("unavailable", "the server is gone");
      let isDown = true;
      const volume = new FakeVolume({
        onFetch: async () => {
          if (isDown) throw gone;
        },
      });
      const connection = await fixture.open(volume);
      await connection.engine.exec(`create table t(id integer primary key, a, b); ${FILL}`);
      volume.evict([...Array(50).keys()].slice(2));
      await connection.engine.exec("pragma cache_size = 2");
      const error = await queryValue(connection, "select sum(a) from t where b <> ''").catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ codeName: "SQLITE_IOERR_READ" });
      expect(await codeOf(connection.engine.exec("update t set a = 0"))).toBe("SQLITE_IOERR_READ");
      isDown = false;
      expect(await queryValue(connection, "select sum(a) from t where b <> ''")).toBe(4_501_500);
      await fixture.expectSound(volume, connection);
    });
  });

  describe("page size", () => {
    test.each([512, 1024, 8192, 65_536])("a volume of %i-byte pages works", async (size) => {
      const volume = new FakeVolume({ pageSize: toPageSize(size) });
      const connection = await fixture.open(volume);
      await connection.engine.exec(`create table t(id integer primary key, a, b); ${FILL}`);
      expect(await queryValue(connection, "pragma page_size")).toBe(size);
      expect(await queryValue(connection, "select sum(a) from t")).toBe(4_501_500);
      await fixture.expectSound(volume, connection);
    });

    test.each([512, 8192])("VACUUM to %i fails inside VACUUM with the reason", async (size) => {
      const { volume, connection } = await fixture.openFilled();
      const before = volume.version;
      await connection.engine.exec(`pragma page_size = ${size}`);
      const error = await connection.engine.exec("vacuum").catch((reason: unknown) => reason);
      const messages: string[] = [];
      for (let at = error; at instanceof Error; at = at.cause) messages.push(at.message);
      expect(messages.join("\n")).toMatch(/page size of a volume is fixed: .* 4096 /);
      expect(volume.version).toBe(before);
      await fixture.expectSound(volume, connection);
      await connection.engine.exec("insert into t(a) values (1)");
      expect(await queryValue(connection, "select count(*) from t")).toBe(3001);
    });

    test("the page that SQLite's locks lie on is never stored and never asked for", async () => {
      const volume = new FakeVolume({ pageSize: toPageSize(65_536) });
      const connection = await fixture.open(volume);
      await connection.engine.exec("create table t(id integer primary key, b)");
      const page = volume.pageBytes(1)?.slice() ?? new Uint8Array(0);
      writeUint32(page, 28, 16_383);
      volume.receive({ pageCount: toPageCount(16_383), pages: new Map([[1, page]]) });
      await connection.engine.exec("insert into t(b) values (zeroblob(400000))");
      expect(volume.pageCount).toBeGreaterThan(16_386);
      expect(volume.pageBytes(16_385)).toBeUndefined();
      volume.evict();
      const fresh = await fixture.open(volume);
      expect(await queryValue(fresh, "select length(b) from t")).toBe(400_000);
      expect(volume.fetchedPages).not.toContain(16_385);
    });
  });

  describe("modes that SQLite offers and a volume does not need", () => {
    test.each(["delete", "wal", "truncate", "persist", "memory", "DELETE", "nonsense"])(
      "journal_mode=%s answers delete and changes nothing",
      async (mode) => {
        const { volume, connection } = await fixture.openFilled();
        expect(await queryValue(connection, `pragma journal_mode=${mode}`)).toBe("delete");
        expect(await queryValue(connection, "pragma main.journal_mode")).toBe("delete");
        const before = volume.commitCount;
        await connection.engine.exec("insert into t(a) values (1)");
        expect(volume.commitCount).toBe(before + 1);
      },
    );

    test("journal_mode=off is refused, and a spilled transaction can still be rolled back", async () => {
      const { volume, connection } = await fixture.openFilled();
      await expect(connection.engine.exec("pragma journal_mode=off")).rejects.toThrow(
        /journal_mode=off is refused/,
      );
      const before = volume.version;
      await connection.engine.exec(
        "pragma cache_size = 5; begin; update t set b = 'gone'; rollback",
      );
      expect(volume.version).toBe(before);
      await fixture.expectSound(volume, connection);
    });

    test("locking_mode=exclusive answers normal; every transaction commits and lets go", async () => {
      const { volume, connection } = await fixture.openFilled();
      expect(await queryValue(connection, "pragma locking_mode=exclusive")).toBe("normal");
      const before = volume.commitCount;
      await connection.engine.exec("insert into t(a) values (1)");
      expect(volume.commitCount).toBe(before + 1);
      await fixture.expectSound(volume, connection);
    });

    test("mmap_size stays 0 and reads go on", async () => {
      const { connection } = await fixture.openFilled();
      expect(await queryValue(connection, "pragma mmap_size=1000000000")).toBe("0");
      expect(await queryValue(connection, "select count(*) from t")).toBe(3000);
    });
  });
});
