/** Recorded statements: run again on another base, they say what they said. */
import { SimulatedDisk } from "@graft/core/testing";
import type { ConflictResolution } from "@graft/sqlite";
import { describe, expect, test } from "vitest";
import { type Replica, type ReplicaOptions, Replicas, rowsOf } from "../harness/replicas.ts";

interface World extends AsyncDisposable {
  readonly a: Replica;
  readonly b: Replica;
  readonly reopen: () => Promise<Replica>;
}

/** Two clients on `t(id, v)`; the second one records what it does. */
async function open(options: ReplicaOptions = {}): Promise<World> {
  const replicas = await Replicas.start();
  const a = await replicas.open();
  await a.db.exec("create table t(id text primary key, v); create table other(x)");
  await a.db.push();
  const reopen = (): Promise<Replica> => replicas.open({ onConflict: "rebase", ...options });
  return {
    a,
    b: await reopen(),
    reopen,
    [Symbol.asyncDispose]: () => replicas[Symbol.asyncDispose](),
  };
}

/** Rows before, and after they were run again on what the other client committed. */
async function rebased({ a, b }: World, sql: string): Promise<[unknown[][], unknown[][]]> {
  const before = await rowsOf(b.db, sql);
  await a.db.exec("insert into t values ('theirs', 0); insert into other values (1)");
  await a.db.push();
  const { push } = await b.db.sync();
  expect(push.kind).toBe("pushed");
  const after = await rowsOf(b.db, sql);
  await a.db.pull();
  expect(await rowsOf(a.db, sql)).toEqual(after);
  return [before, after];
}

const MINE = "select id, v, typeof(v), hex(v) from t where id <> 'theirs' order by id";

const CHANCE = [
  "random()",
  "abs(random() % 1000)",
  "hex(randomblob(16))",
  "randomblob(0)",
  "(select group_concat(random()) from (values (1), (2), (3)))",
];
const TIME = [
  "datetime('now')",
  "datetime('now', 'subsec')",
  "date('now')",
  "time('now', 'subsec')",
  "julianday()",
  "julianday('now', '+1 day')",
  "unixepoch()",
  "unixepoch('subsec')",
  "strftime('%f %J', 'now')",
  "strftime('%s')",
  "timediff('now', '2020-01-01')",
  "current_timestamp",
  "current_time",
  "current_date",
  "datetime('now', 'localtime')",
];

describe.each(["suspend", "rerun"] as const)("run again (%s)", (missStrategy) => {
  test.each([
    ["chance", CHANCE],
    ["time", TIME],
  ])("%s has the value that it had", async (_what, expressions) => {
    await using world = await open({ missStrategy });
    const { b } = world;
    await b.db.exec("create table d(x default (random()), y default current_timestamp, z)");
    for (const [at, expression] of expressions.entries()) {
      await b.db.exec(`insert into t values ('row ${at}', ${expression})`);
    }
    await b.db.exec("insert into d(z) values (julianday('now')), (randomblob(3))");
    await b.db.exec("update t set v = v || ' ' || random() where id = 'row 0'");
    // A clock that went on, and chance that was drawn, must not show.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const all = `select id, typeof(v), hex(v) from t where id <> 'theirs'
      union all select 'd', hex(x) || y, hex(z) from d`;
    const [before, after] = await rebased(world, all);
    expect(after).toEqual(before);
    expect(before.length).toBe(expressions.length + 2);
  });

  test("values of every type come through every call", async () => {
    await using world = await open({ missStrategy });
    const { db } = world.b;
    const insert = db.prepare("insert into t values (?, ?) returning id");
    const bytes = Uint8Array.of(0, 255);
    const first = insert.run("bytes", bytes);
    bytes.fill(7);
    await first;
    await insert.get("bigint", 2n ** 62n);
    await insert.all("real", 0.1);
    for await (const _row of insert.iterate("text", "ünïcode 🚲\0end")) break;
    await insert.run("null", null);
    await insert.run("nothing", undefined);
    await insert.run("boolean", true);
    await insert.run("buffer", new Uint16Array([1, 2]).buffer);
    await db.prepare("insert into t values (:id, $v)").run({ id: "named", v: -(2n ** 63n) });
    await db.prepare("insert into t values (?2, ?1)").run(1, "numbered");
    await db.exec(
      "begin; insert into t values ('begin', 1); update t set v = 2 where v = 1; commit",
    );
    await db.exec("savepoint s; insert into t values ('savepoint', 1); release s");
    await db.exec("create table made(a); insert into made values (1); pragma user_version = 7");
    const [before, after] = await rebased(world, MINE.replace("v, ", ""));
    expect(after).toEqual(before);
    expect(after).toHaveLength(12);
    expect(
      await rowsOf(db, "select a, (select user_version from pragma_user_version) from made"),
    ).toEqual([[1, 7]]);
  });

  test("what was rolled back stays so", async () => {
    await using world = await open({ missStrategy });
    const { db } = world.b;
    await db.exec(`begin; insert into t values ('kept 1', 1);
      savepoint A; insert into t values ('gone 1', 1);
      savepoint b; insert into t values ('gone 2', 1); release b;
      rollback to a; insert into t values ('kept 2', 1); release "a";
      savepoint c; insert into t values ('theirs', 2); rollback to c; commit`);
    await db.exec("begin; insert into t values ('gone 3', 1); rollback");
    await db.exec("begin; insert into t values ('kept 3', 1)");
    const twice = db.exec("insert into t values ('gone 4', 1), ('kept 3', 1)");
    await expect(twice).rejects.toThrow("UNIQUE");
    const half = db.exec("insert or fail into t values ('kept 5', 1), ('kept 3', 1)");
    await expect(half).rejects.toThrow("UNIQUE");
    await db.exec("commit");
    await expect(db.exec("insert into t values ('kept 1', 1)")).rejects.toThrow("UNIQUE");
    const [before, after] = await rebased(world, MINE);
    expect(after).toEqual(before);
    expect(after.map(([id]) => id)).toEqual(["kept 1", "kept 2", "kept 3", "kept 5"]);
    expect(await db.outbox.list()).toEqual([]);
  });
});

describe("run again", () => {
  test("by a process that knows no function of it, statements do it", async () => {
    const directory = { path: "/data", fileSystem: new SimulatedDisk() };
    await using world = await open({ directory });
    const { a, b, reopen } = world;
    await b.db.transaction("raise", async (tx) => {
      const next = 1 + Number(await tx.prepare("select count(*) from t").pluck().get());
      await tx.prepare("insert into t values ('n', ?)").run(next);
    });
    await b[Symbol.asyncDispose]();
    await using again = await reopen();
    const [before, after] = await rebased({ ...world, a, b: again }, MINE);
    // The function would have counted one row more.
    expect([before, after]).toEqual([[["n", 1, "real", "312E30"]], [["n", 1, "real", "312E30"]]]);
  });

  test("is refused, and says so, over several databases and over 16 MiB", async () => {
    const fileSystem = new SimulatedDisk();
    await using world = await open({ directory: { path: "/data", fileSystem } });
    const { a, b } = world;
    const second = await b.runtime.createVolume();
    await b.db.attach("second", second);
    await b.db.exec("create table second.u(a)");
    await b.db.exec("begin; insert into t values (1, 1); insert into u values (1); commit");
    await b.db.prepare("insert into t values (2, length(?))").run(new Uint8Array(17 * 2 ** 20));
    await b.db.exec("insert into t values (3, 3)");
    await a.db.exec("insert into t values (0, 0)");
    await a.db.push();
    const resolved: ConflictResolution[] = [];
    b.db.on("resolved", (resolution) => resolved.push(resolution));
    await b.db.sync();
    expect(resolved).toMatchObject([{ kind: "rebase", rebasedCount: 1, rejectedCount: 2 }]);
    expect(fileSystem.stat(resolved[0]?.savedFile ?? "")?.kind).toBe("file");
    expect((await b.db.outbox.list()).map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/several databases/),
      expect.stringMatching(/more than 16 MiB/),
    ]);
    expect(await rowsOf(b.db, "select id from t")).toEqual([["0"], ["3"]]);
    expect(await rowsOf(b.db, "select count(*) from u")).toEqual([[1]]);
  });
});
