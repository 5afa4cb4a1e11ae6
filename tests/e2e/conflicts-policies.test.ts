import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TransactionFate } from "@graft/client";
import { nodeFileSystem, systemClock } from "@graft/core/node";
import { type ConflictResolution, type Database, openImport } from "@graft/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { type Replica, type ReplicaOptions, Replicas, rowsOf } from "../harness/replicas.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-conflicts-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface World extends AsyncDisposable {
  readonly a: Replica;
  readonly b: Replica;
}

/** Two clients; what the second one does stands on a base that moves. */
async function diverge(sql: string, options: ReplicaOptions, work: Work): Promise<World> {
  const replicas = await Replicas.start();
  const a = await replicas.open();
  await a.db.exec(sql);
  await a.db.push();
  const b = await replicas.open(options);
  await work.mine(b.db);
  await work.theirs(a.db);
  await a.db.push();
  return { a, b, [Symbol.asyncDispose]: () => replicas[Symbol.asyncDispose]() };
}

interface Work {
  readonly mine: (db: Database) => Promise<unknown>;
  readonly theirs: (db: Database) => Promise<unknown>;
}

const NOTES = "create table note(id integer primary key, text)";
const BOTH: Work = {
  mine: (db) => db.exec("insert into note values (1, 'mine')"),
  theirs: (db) => db.exec("insert into note values (1, 'theirs')"),
};

/** What can be seen of it: everything that is told of this replica. */
function listen(db: Database): {
  readonly fates: TransactionFate[];
  readonly resolved: ConflictResolution[];
} {
  const told = { fates: [] as TransactionFate[], resolved: [] as ConflictResolution[] };
  db.on("transaction", ({ fate }) => told.fates.push(fate));
  db.on("resolved", (resolution) => told.resolved.push(resolution));
  return told;
}

describe("onConflict", () => {
  test("stop: both sides stay as they are, local work goes on, nothing is tried again", async () => {
    await using world = await diverge(NOTES, {}, BOTH);
    const { db, volume } = world.b;
    const told = listen(db);
    await expect(db.sync()).rejects.toMatchObject({ code: "diverged" });
    await db.exec("insert into note values (2, 'also mine')");
    await expect(db.push()).rejects.toMatchObject({ code: "diverged" });
    await expect(db.sync()).rejects.toMatchObject({ code: "diverged" });
    expect(await rowsOf(db, "select text from note")).toEqual([["mine"], ["also mine"]]);
    expect(db.status()).toMatchObject({ state: "diverged", remote: { lsn: 1n } });
    expect(volume.pendingCommits()).toHaveLength(2);
    const { commits } = await volume.remoteLog(2n as Parameters<typeof volume.remoteLog>[0]);
    expect(commits.map(({ snapshot }) => snapshot.lsn)).toEqual([2n]);
    expect(told).toEqual({ fates: ["local"], resolved: [] });
  });

  test("reset: theirs is taken, and mine is a file that stock SQLite and an import open", async () => {
    const directory = { path: join(folder, "reset"), fileSystem: nodeFileSystem };
    await using world = await diverge(NOTES, { directory, onConflict: "reset" }, BOTH);
    const { db } = world.b;
    const told = listen(db);
    await db.sync();
    expect(await rowsOf(db, "select text from note")).toEqual([["theirs"]]);
    expect(told.fates).toEqual(["discarded"]);
    expect(told.resolved).toMatchObject([{ kind: "reset", discardedCommitCount: 1, lsn: 2n }]);
    const [resolution] = told.resolved;
    const file = resolution?.kind === "reset" ? (resolution.savedFile ?? "") : "";
    const stock = new DatabaseSync(file, { readOnly: true });
    expect(stock.prepare("select text from note").all()).toEqual([{ text: "mine" }]);
    expect(stock.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    stock.close();
    const source = await openImport({ path: file, fileSystem: nodeFileSystem, clock: systemClock });
    expect(source.pageCount).toBeGreaterThan(1);
    await source.close();
  });

  test("reset gives up nothing when the divergence has ended meanwhile", async () => {
    const directory = { path: join(folder, "ended"), fileSystem: nodeFileSystem };
    await using world = await diverge(NOTES, { directory, onConflict: "reset" }, BOTH);
    const { db } = world.b;
    await expect(db.pull()).rejects.toMatchObject({ code: "diverged" });
    await db.resolveConflict();
    await db.exec("insert into note values (9, 'pending')");
    expect(await db.resolveConflict()).toMatchObject({ kind: "reset", discardedCommitCount: 0 });
    expect(await rowsOf(db, "select text from note")).toEqual([["theirs"], ["pending"]]);
  });

  test("a policy that fails leaves the volume diverged, with the error in its status", async () => {
    // In memory there is no place to save anything to.
    await using world = await diverge(NOTES, { onConflict: "reset" }, BOTH);
    const { db } = world.b;
    const told = listen(db);
    await expect(db.sync()).rejects.toThrow(/no file system to save/);
    expect(db.status()).toMatchObject({ state: "diverged", local: { pending: 1 } });
    expect(db.status().lastError?.error.message).toMatch(/no file system to save/);
    expect(await rowsOf(db, "select text from note")).toEqual([["mine"]]);
    expect(told.resolved).toEqual([]);
  });

  test.each(["stop", "rebase", "reset"] as const)(
    "%s, while the volume keeps itself current",
    async (onConflict) => {
      const directory = { path: join(folder, `auto-${onConflict}`), fileSystem: nodeFileSystem };
      await using world = await diverge(NOTES, { directory, onConflict }, BOTH);
      const { a, b } = world;
      const told = listen(b.db);
      b.volume.startSync({
        onDiverged: async (signal) => void (await b.db.resolveConflict({ signal })),
      });
      const state = onConflict === "stop" ? "diverged" : "synced";
      const isThere = (): boolean =>
        b.db.status().state === state && (onConflict === "stop" || told.resolved.length > 0);
      for (let at = 0; at < 1500 && !isThere(); at++) await systemClock.sleep(10);
      expect(b.db.status().state).toBe(state);
      const text = onConflict === "stop" ? "mine" : "theirs";
      expect(await rowsOf(b.db, "select text from note")).toEqual([[text]]);
      expect(await b.db.outbox.list()).toHaveLength(onConflict === "rebase" ? 1 : 0);
      if (onConflict === "stop") return;
      await b.db.exec("insert into note values (7, 'later')");
      await b.volume.waitForPushed();
      await a.db.pull();
      expect(await rowsOf(a.db, "select text from note")).toEqual([["theirs"], ["later"]]);
    },
  );
});

describe("two doctors on call, of whom one must stay", () => {
  const ON_CALL =
    "create table doctor(name text primary key, pad text, is_on integer);" +
    "insert into doctor values ('alice', zeroblob(5000), 1), ('bob', zeroblob(5000), 1)";

  /** Leaves, if somebody else stays. Each looks at both and writes one. */
  const leave = (name: string) => (db: Database) =>
    db.transaction(`${name} leaves`, async (tx) => {
      const on = await tx.prepare("select count(*) from doctor where is_on").pluck().get();
      if (Number(on) < 2) throw new Error(`${name} has to stay`);
      await tx.prepare("update doctor set is_on = 0 where name = ?").run(name);
    });

  const work: Work = { mine: leave("bob"), theirs: leave("alice") };
  const onCall = (db: Database) => rowsOf(db, "select name from doctor where is_on");

  test.each(["cold", "warm"])(
    "stop: the second one's leave is not pushed (%s cache)",
    async (cache) => {
      const mine = async (db: Database): Promise<void> => {
        if (cache === "warm") await rowsOf(db, "select * from doctor");
        await work.mine(db);
      };
      await using world = await diverge(ON_CALL, {}, { ...work, mine });
      await expect(world.b.db.sync()).rejects.toMatchObject({ code: "diverged" });
      expect(await onCall(world.a.db)).toEqual([["bob"]]);
    },
  );

  test("rebase: the second one's function looks again, and stays", async () => {
    await using world = await diverge(ON_CALL, { onConflict: "rebase" }, work);
    const { a, b } = world;
    await b.db.sync();
    await a.db.pull();
    for (const { db } of [a, b]) expect(await onCall(db)).toEqual([["bob"]]);
    expect(await b.db.outbox.list()).toMatchObject([
      { name: "bob leaves", error: { message: "bob has to stay" } },
    ]);
  });
});
