import { describe, expect, test } from "vitest";
import {
  MANY,
  openTestDatabase,
  SCHEMA,
  type TestDatabase,
  type TestDatabaseOptions,
} from "../testing/open-test-database.ts";

describe.each(["suspend", "rerun"] as const)("pragmas (%s)", (missStrategy) => {
  const open = (options: TestDatabaseOptions = {}): TestDatabase =>
    openTestDatabase({ missStrategy, ...options });

  describe("pragmas", () => {
    test("answer one JSON text each", async () => {
      const { db, volume } = open();
      await db.exec(`${SCHEMA}; ${MANY}`);
      const ask = async (pragma: string): Promise<unknown> =>
        JSON.parse(String(await db.prepare(`pragma ${pragma}`).pluck().get()));
      expect(await ask("graft_status")).toMatchObject({ state: "pending", local: { pending: 2 } });
      expect(await ask("graft_snapshot")).toMatchObject({ version: 2, pageSize: 4096 });
      expect(await ask("graft_pages")).toMatchObject({ cached: { pages: volume.pageCount } });
      expect(await ask("graft_log")).toMatchObject({ pending: [{ version: 1 }, { version: 2 }] });
      expect(await ask("graft_log = 1")).toEqual({ commits: [], hasMore: false });
      expect(await ask("graft_push")).toMatchObject({ kind: "pushed", lsn: 1, commitCount: 2 });
      expect(await ask("graft_push = 'nothing left'")).toEqual({ kind: "nothing-to-push" });
      expect(await ask("graft_pull")).toMatchObject({ lsn: 1 });
      expect(await ask("graft_sync")).toMatchObject({ pull: { lsn: 1 } });
      volume.evict();
      expect(await ask("graft_fetch('2,5-6')")).toEqual({ pages: 3 });
      expect(await ask("graft_hydrate")).toMatchObject({ fetchedPageCount: expect.any(Number) });
      await db.exec("delete from t");
      expect(await ask("graft_reset = discard")).toMatchObject({ discardedCommitCount: 1 });
      expect(await db.prepare("select count(*) from t").pluck().get()).toBe(3000);
      expect(await ask("graft_rebase")).toMatchObject({ rebasedCount: 0, rejectedCount: 0 });
      expect(await ask("graft_outbox")).toEqual([]);
      expect(await ask("graft_version")).toMatchObject({ sqlite: expect.stringMatching(/^3\./) });
      await db.close();
    });

    test.each([
      ["graft_nonsense", /no such pragma: graft_nonsense; there are .*graft_status/],
      ["graft_status = 3", /takes no value/],
      ["graft_log = 'x'", /invalid LSN "x"/],
      ["graft_log = 0", /invalid LSN 0/],
      ["graft_fetch = '0-4'", /invalid page index 0/],
      ["graft_fetch = 'x'", /invalid page list "x"/],
      ["graft_fetch = '5-2'", /invalid page list "5-2"/],
      ["graft_outbox = 'x'", /no transaction "x" in the outbox/],
    ])("%s is refused with a reason", async (pragma, reason) => {
      const { db } = open();
      await expect(db.prepare(`pragma ${pragma}`).get()).rejects.toThrow(reason);
      expect(await db.prepare("select 1").pluck().get()).toBe(1);
      await db.close();
    });

    test("what changes the base is refused inside a write transaction", async () => {
      const { db } = open();
      await db.exec(SCHEMA);
      for (const name of ["push", "pull", "sync", "reset", "rebase"]) {
        await expect(
          db.transaction(async (tx) => void (await tx.prepare(`pragma graft_${name}`).get())),
        ).rejects.toThrow(/cannot run inside a write transaction/);
      }
      await db.close();
    });
  });
});
