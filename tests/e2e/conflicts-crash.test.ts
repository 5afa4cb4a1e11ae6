import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Volume } from "@graft/client";
import { type FileSystem, GraftError, isGraftError } from "@graft/core";
import { SeededRandom, SimulatedDisk } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { type Replica, Replicas, rowsOf } from "../harness/replicas.ts";

const SCHEMA = `create table counter(n integer not null); insert into counter values (0);
  create table entry(name text primary key, at)`;
const NAMES = ["one", "two", "three"] as const;
/** Another client takes this name meanwhile. */
const TAKEN = "two";

interface World extends AsyncDisposable {
  readonly replicas: Replicas;
  readonly disk: SimulatedDisk;
  readonly a: Replica;
  readonly b: Replica;
}

/** Two clients; the second one's three transactions stand on a base that moved. */
async function diverge(seed: number): Promise<World> {
  const replicas = await Replicas.start();
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  const a = await replicas.open();
  await a.db.exec(SCHEMA);
  await a.db.push();
  const b = await openOn(replicas, disk);
  for (const name of NAMES) {
    // Statements, no function: they are run again with the time they had.
    await b.db.exec("begin immediate; update counter set n = n + 1");
    await b.db.prepare("insert into entry values (?, julianday('now'))").run(name);
    await b.db.exec("commit");
  }
  await a.db.exec(`insert into entry values ('${TAKEN}', 'elsewhere'); update counter set n = 100`);
  await a.db.push();
  await expect(b.db.push()).rejects.toMatchObject({ code: "diverged" });
  const dispose = (): Promise<void> => replicas[Symbol.asyncDispose]();
  return { replicas, disk, a, b, [Symbol.asyncDispose]: dispose };
}

function openOn(replicas: Replicas, fileSystem: FileSystem): Promise<Replica> {
  return replicas.open({
    directory: { path: "/data", fileSystem },
    onConflict: "rebase",
    idleMs: 60_000,
  });
}

/** Everything is there once: remotely, or in the outbox. */
async function mustBeWhole({ a }: World, b: Replica, times: readonly unknown[]): Promise<void> {
  await b.db.push();
  await a.db.pull();
  expect(await rowsOf(a.db, "select n from counter")).toEqual([[102]]);
  expect(await rowsOf(a.db, "select name from entry order by rowid")).toEqual(
    [TAKEN, "one", "three"].map((name) => [name]),
  );
  const kept = await rowsOf(a.db, "select at from entry order by rowid");
  expect(kept.slice(1).flat()).toEqual([times[0], times[2]]);
  const outbox = await b.db.outbox.list();
  expect(outbox.map(({ error }) => error.code)).toEqual(["SQLITE_CONSTRAINT_PRIMARYKEY"]);
  expect(b.db.status()).toMatchObject({ state: "synced", local: { pending: 0, rejected: 1 } });
  expect(await rowsOf(b.db, "pragma integrity_check")).toEqual([["ok"]]);
}

/** Rebases under a fault; whether it met it. */
async function attempt(step: () => Promise<unknown>): Promise<boolean> {
  try {
    await step();
    return false;
  } catch (error) {
    if (!isGraftError(error)) throw error;
    return true;
  }
}

describe("a rebase", () => {
  test("cut short by a power loss at any change of the disk loses nothing and repeats nothing", async () => {
    let isCut = true;
    let cutCount = 0;
    for (let nth = 1; isCut; nth++) {
      await using world = await diverge(nth);
      const { replicas, disk, b } = world;
      const times = (await rowsOf(b.db, "select at from entry order by rowid")).flat();
      disk.inject({ operation: "change", nth, reason: "power-loss" });
      await attempt(() => b.db.rebase());
      isCut = disk.isDown;
      if (!isCut) {
        disk.clearFaults();
        await mustBeWhole(world, b, times);
        // What was not synced is gone: the end of the rebase was.
        replicas.cluster.abandonClient(b.runtime);
        disk.crash(0);
        const after = await openOn(replicas, disk);
        expect(after.db.status().state).toBe("synced");
        await after.db.rebase();
        await mustBeWhole(world, after, times);
        break;
      }
      cutCount++;
      replicas.cluster.abandonClient(b.runtime);
      disk.crash();
      const again = await openOn(replicas, disk);
      // Whoever comes first does not push half of it.
      const early = await attempt(() => again.db.push());
      expect(early).toBe(again.db.status().state === "diverged");
      await again.db.rebase();
      await mustBeWhole(world, again, times);
    }
    expect(cutCount).toBeGreaterThan(15);
  }, 120_000);

  test("that the server leaves in the middle goes on there, and takes along what came meanwhile", async () => {
    for (let failing = 0; failing < NAMES.length; failing++) {
      await using world = await diverge(100 + failing);
      const { b } = world;
      const times = (await rowsOf(b.db, "select at from entry order by rowid")).flat();
      const stop = new AbortController();
      b.db.on("transaction", ({ fate }) => {
        if (fate === "rebased" || fate === "rejected") count++;
        if (count === failing) stop.abort(new GraftError("unavailable", "gone"));
      });
      let count = 0;
      if (failing === 0) stop.abort(new GraftError("unavailable", "gone"));
      expect(await attempt(() => b.db.rebase({ signal: stop.signal }))).toBe(true);
      if (failing > 0) {
        expect(b.db.status().state).toBe("diverged");
        expect(isGraftError(await failureOf(() => b.volume.push()), "diverged")).toBe(true);
      }
      await b.db.exec("update counter set n = n + 0 where n < 0");
      await b.db.rebase();
      await mustBeWhole(world, b, times);
    }
  });

  test("that misses a page while the server is gone blames no transaction, and goes on later", async () => {
    await using replicas = await Replicas.start();
    await using a = await replicas.open();
    await a.db.exec("create table first(x); create table second(x)");
    await a.db.push();
    let [isGone, wasGone] = [false, false];
    const interceptor: Interceptor = (next) => (request) => {
      if (isGone) throw new ConnectError("gone", Code.Unavailable);
      return next(request);
    };
    await using b = await replicas.open({ onConflict: "rebase", interceptors: [interceptor] });
    for (const table of ["first", "second"]) {
      await b.db.exec(`insert into ${table} values ('mine')`);
      await a.db.exec(`insert into ${table} values ('theirs')`);
    }
    await a.db.push();
    b.db.on("transaction", ({ fate }) => {
      isGone ||= fate === "rebased" && !wasGone;
    });
    const failure = await b.db.sync().catch((error: unknown) => error);
    expect(isGraftError(failure, "unavailable")).toBe(true);
    expect(b.db.status()).toMatchObject({ state: "diverged", local: { pending: 1, rejected: 0 } });
    [isGone, wasGone] = [false, true];
    expect((await b.db.sync()).push).toMatchObject({ kind: "pushed", commitCount: 2 });
    const all = "select x from first union all select x from second";
    expect((await rowsOf(b.db, all)).flat()).toEqual(["theirs", "mine", "theirs", "mine"]);
  });

  test("has writers wait, and readers see whole transactions only", async () => {
    await using world = await diverge(200);
    const { b } = world;
    const rebasing = b.db.rebase();
    const writing = b.db.exec("insert into entry values ('five', '')");
    const seen: unknown[][] = [];
    for (let at = 0; at < 50; at++) {
      const sql = "select (select count(*) from entry where at <> '') , n from counter";
      seen.push(...(await rowsOf(b.db, sql)));
    }
    await rebasing;
    await writing;
    for (const [entries, n] of seen) {
      const isOld = n === entries;
      const isNew = Number(n) - 100 === Number(entries) - 1;
      expect(isOld || isNew, JSON.stringify([entries, n])).toBe(true);
    }
    const names = await rowsOf(b.db, "select name from entry order by rowid");
    expect(names.flat()).toEqual([TAKEN, "one", "three", "five"]);
  });

  test("has writers of another process wait, and takes along what they commit before and after", async () => {
    await using world = await diverge(300);
    const { replicas, disk, a, b } = world;
    const other = await openOn(replicas, disk.openProcess());
    await other.db.exec("insert into entry values ('before', 1)");
    const rebasing = b.db.rebase();
    const writing = other.db.exec("insert into entry values ('during', 2)");
    await rebasing;
    await writing;
    await other.db.exec("insert into entry values ('after', 3)");
    await other.db.push();
    await a.db.pull();
    const names = await rowsOf(a.db, "select name from entry order by rowid");
    expect(names.flat().sort()).toEqual(
      [...["after", "before", "during"], ...["one", "three", "two"]].sort(),
    );
    expect(names.flat().slice(0, 3)).toEqual([TAKEN, "one", "three"]);
    expect(await rowsOf(a.db, "select n from counter")).toEqual([[102]]);
  });

  test("left in the middle for a reset: what was not run again is in the outbox, and can be", async () => {
    await using world = await diverge(400);
    const { b } = world;
    const stop = new AbortController();
    b.db.on("transaction", ({ fate }) => {
      if (fate === "rebased") stop.abort(new GraftError("unavailable", "gone"));
    });
    expect(await attempt(() => b.db.rebase({ signal: stop.signal }))).toBe(true);
    await expect(b.db.outbox.discard("any")).rejects.toMatchObject({ code: "diverged" });
    const { discardedCommitCount } = await b.db.reset();
    expect(discardedCommitCount).toBe(1);
    expect(b.db.status()).toMatchObject({ state: "synced", local: { pending: 0, rejected: 2 } });
    const [two, three] = await b.db.outbox.list();
    expect([two?.error.code, three?.error.code]).toEqual(["discarded", "discarded"]);
    expect((await b.db.outbox.retry(two?.id ?? "")).kind).toBe("rejected");
    expect(await b.db.outbox.retry(three?.id ?? "")).toEqual({ kind: "done" });
    expect(await rowsOf(b.db, "select name from entry order by rowid")).toEqual([
      [TAKEN],
      ["three"],
    ]);
    expect(b.db.status()).toMatchObject({ state: "pending", local: { pending: 1, rejected: 1 } });
  });

  test("whose journal rots pushes nothing; a reset keeps what can be read of it, and a copy", async () => {
    await using world = await diverge(500);
    const { disk, b } = world;
    const stop = new AbortController();
    b.db.on("transaction", ({ fate }) => {
      if (fate === "rebased") stop.abort(new GraftError("unavailable", "gone"));
    });
    expect(await attempt(() => b.db.rebase({ signal: stop.signal }))).toBe(true);
    const aside = `/data/volumes/${b.volume.volumeId}/aside`;
    disk.corrupt(`${aside}/rebase`, (disk.stat(`${aside}/rebase`)?.size ?? 0) - 1);
    await expect(b.db.push()).rejects.toMatchObject({ code: "diverged" });
    await b.db.reset();
    expect(await b.db.outbox.list()).toMatchObject([{ error: { code: "discarded" } }]);
    expect(disk.list(aside)).toEqual(["damaged-rebase-1", "outbox-00000001"]);
    expect(b.db.status().state).toBe("synced");
  });

  test("of commits that nobody recorded is refused, or saves them as a file first", async () => {
    await using replicas = await Replicas.start();
    const disk = new SimulatedDisk();
    await using a = await replicas.open();
    await a.db.exec("create table t(a)");
    await a.db.push();
    await using b = await replicas.open({ directory: { path: "/data", fileSystem: disk } });
    await b.db.exec("insert into t values ('mine')");
    await a.db.exec("insert into t values ('theirs')");
    await a.db.push();
    await expect(b.db.sync()).rejects.toMatchObject({ code: "diverged" });
    const refusalOf = (): string => "for no reason";
    const replay = async (): Promise<never> => {
      throw new Error("what cannot be run again is not run");
    };
    await expect(b.volume.rebase({ refusalOf, replay })).rejects.toThrow(/for no reason/);
    expect(b.db.status().state).toBe("diverged");
    const { savedFile, rejectedCount } = await b.db.rebase();
    expect(rejectedCount).toBe(1);
    expect(disk.stat(savedFile ?? "")?.kind).toBe("file");
    expect(await b.db.outbox.list()).toMatchObject([{ error: { code: "not-recorded" } }]);
    expect(await rowsOf(b.db, "select a from t")).toEqual([["theirs"]]);
  });
});

async function failureOf(run: () => ReturnType<Volume["push"]>): Promise<unknown> {
  return await run().then(
    () => undefined,
    (error: unknown) => error,
  );
}
