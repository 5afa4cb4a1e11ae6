/** Two replicas that were both written: what is carried over, and what never is. */
import { DatabaseSync } from "node:sqlite";
import type { Volume } from "@graft/client";
import { isGraftError } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { Database } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { describe, expect, it } from "vitest";
import { Cluster } from "../harness/cluster.ts";

const engine = await loadNodeEngine();

interface Replica {
  readonly volume: Volume;
  readonly db: Database;
}

function openDatabase(volume: Volume): Replica {
  const db = new Database({ volume, engine, clock: systemClock, random: systemRandom });
  return { volume, db };
}

/** Two replicas of one database, with all pages here. */
async function openPair(cluster: Cluster, sql: string): Promise<{ a: Replica; b: Replica }> {
  const a = openDatabase(await (await cluster.openClient()).createVolume());
  await a.db.exec(sql);
  await a.db.push();
  const client = await cluster.openClient();
  const b = openDatabase(await client.openVolume(a.volume.volumeId));
  await b.db.hydrate();
  return { a, b };
}

/** "merged" when what pends was carried over before it was pushed. */
async function pushSecond({ db, volume }: Replica): Promise<"pushed" | "merged" | "diverged"> {
  const fates: string[] = [];
  const leave = volume.on("transaction", ({ fate }) => fates.push(fate));
  try {
    await db.push();
    expect(fates.at(-1) ?? "pushed").toBe("pushed");
    return fates.includes("merged") ? "merged" : "pushed";
  } catch (error) {
    if (!isGraftError(error, "diverged")) throw error;
    expect(db.status()).toMatchObject({ state: "diverged" });
    expect(fates).not.toContain("merged");
    return "diverged";
  } finally {
    leave();
  }
}

async function values({ db }: Replica, sql: string): Promise<unknown[]> {
  return await db.prepare(sql).raw().all();
}

/** Each doctor on a page of their own, so that nobody touches the other's row by accident. */
const DOCTORS = `create table doctor(id integer primary key, on_call, note);
  insert into doctor values (1, 1, hex(zeroblob(1900))), (2, 1, hex(zeroblob(1900)))`;
const ON_CALL = "select count(*) from doctor where on_call";

/** Goes off call if another doctor stays: what each may do alone, but not both. */
async function goOffCall({ db }: Replica, id: number): Promise<void> {
  await db.transaction(async (tx) => {
    const onCall = await tx.prepare(ON_CALL).pluck().get();
    if (Number(onCall) < 2) throw new Error("somebody must stay");
    await tx.prepare("update doctor set on_call = 0 where id = ?").run(id);
  });
}

describe("two doctors on call (write skew)", () => {
  it("are never both let go: cold caches", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(51) });
    const { a, b } = await openPair(cluster, DOCTORS);
    await goOffCall(a, 1);
    await goOffCall(b, 2);
    await a.db.push();
    expect(await pushSecond(b)).toBe("diverged");
  });

  it("are never both let go: warm cache, filled by an earlier transaction", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(52) });
    const { a, b } = await openPair(cluster, DOCTORS);
    await b.db.transaction((tx) => tx.prepare(ON_CALL).pluck().get());
    await goOffCall(a, 1);
    await a.db.push();
    // SQLite counts in its cache: nothing of the other doctor is read now.
    await goOffCall(b, 2);
    expect(await pushSecond(b)).toBe("diverged");
  });

  it("are never both let go: warm cache, of pages that were written and never read", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(53) });
    const a = openDatabase(await (await cluster.openClient()).createVolume());
    await a.db.exec(DOCTORS);
    await a.db.push();
    const b = openDatabase(await (await cluster.openClient()).openVolume(a.volume.volumeId));
    await goOffCall(b, 2);
    await b.db.push();
    // A still has in its cache what it wrote when it made the table.
    await goOffCall(a, 1);
    expect(await pushSecond(a)).toBe("diverged");
  });
});

const TABLES = `create table l(id integer primary key, v); create table r(id integer primary key, v);
  insert into l values (1, 'l'); insert into r values (1, 'r')`;

describe("two replicas that insert into different tables", () => {
  it("are merged when neither allocates nor frees a page", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(54) });
    const { a, b } = await openPair(cluster, TABLES);
    await a.db.exec("insert into l values (2, 'a')");
    await b.db.exec("insert into r values (2, 'b'); insert into r values (3, 'b')");
    await a.db.push();
    expect(await pushSecond(b)).toBe("merged");
    await a.db.pull();
    for (const replica of [a, b]) {
      expect(await values(replica, "select * from l")).toEqual([
        [1, "l"],
        [2, "a"],
      ]);
      expect(await values(replica, "select count(*) from r")).toEqual([[3]]);
      expect(await values(replica, "pragma integrity_check")).toEqual([["ok"]]);
    }
  });

  it("are merged by a pull, and pushed later as they are", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(55) });
    const { a, b } = await openPair(cluster, TABLES);
    await a.db.exec("insert into l values (2, 'a')");
    await a.db.push();
    await b.db.exec("insert into r values (2, 'b')");
    await b.db.pull();
    expect(b.db.status()).toMatchObject({ state: "pending", local: { pending: 1 } });
    expect(await values(b, "select (select count(*) from l), (select count(*) from r)")).toEqual([
      [2, 2],
    ]);
    await b.db.push();
    await a.db.pull();
    expect(await values(a, "select v from r")).toEqual([["r"], ["b"]]);
  });

  it("are merged when only the remote one allocated: the page count is the remote's", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(56) });
    const { a, b } = await openPair(cluster, TABLES);
    await a.db.exec("insert into l values (2, hex(zeroblob(9000)))");
    await b.db.exec("insert into r values (2, 'b')");
    await a.db.push();
    const { pageCount } = a.volume.openReader();
    expect(b.volume.openReader().pageCount).toBeLessThan(pageCount);
    expect(await pushSecond(b)).toBe("merged");
    expect(b.volume.openReader().pageCount).toBe(pageCount);
    expect(await values(b, "select length(v) from l")).toEqual([[1], [18_000]]);
    expect(await values(b, "pragma integrity_check")).toEqual([["ok"]]);
  });

  it.each([
    ["the local one allocates", "insert into r values (2, hex(zeroblob(9000)))", ""],
    [
      "the local one frees",
      "delete from r where id = 2",
      "insert into r values (2, zeroblob(9000))",
    ],
  ])("fall through when %s", async (_, sql, before) => {
    await using cluster = await Cluster.start({ random: new SeededRandom(57) });
    const { a, b } = await openPair(cluster, `${TABLES}; ${before}`);
    await a.db.exec("insert into l values (2, 'a')");
    await b.db.exec(sql);
    await a.db.push();
    expect(await pushSecond(b)).toBe("diverged");
  });

  it("fall through when the remote one changed the schema: page 1 counts as read", async () => {
    await using cluster = await Cluster.start({ random: new SeededRandom(58) });
    const { a, b } = await openPair(cluster, `${TABLES}; pragma user_version = 1`);
    await a.db.exec("pragma user_version = 2");
    await b.db.exec("insert into r select 7, user_version from pragma_user_version");
    await a.db.push();
    expect(await pushSecond(b)).toBe("diverged");
  });
});

describe("a large push that was rejected", () => {
  it("is merged without uploading a page twice", async () => {
    const uploads: number[] = [];
    await using cluster = await Cluster.start({ random: new SeededRandom(59) });
    const { a } = await openPair(cluster, TABLES);
    await a.db.exec(
      `create table big(id integer primary key, v);
       with recursive n(i) as (select 1 union all select i + 1 from n where i < 200)
         insert into big select i, hex(zeroblob(1900)) from n`,
    );
    await a.db.push();
    const client = await cluster.openClient({
      interceptors: [
        (next) => async (request) => {
          if (request.method.name === "WritePages" && !request.stream) uploads.push(1);
          return await next(request);
        },
      ],
    });
    const b = openDatabase(await client.openVolume(a.volume.volumeId));
    await b.db.hydrate();
    await b.db.exec("update big set v = lower(v) || 'x'");
    await b.db.exec("update big set v = replace(v, 'x', '0') where id > 0");
    await a.db.exec("insert into l values (2, 'a')");
    await a.db.push();
    const pageCount = b.volume.pendingCommits().at(-1)?.pages.cardinality ?? 0;
    expect(pageCount * b.volume.pageSize).toBeGreaterThan(128 * 1024);
    expect(await pushSecond(b)).toBe("merged");
    expect(uploads).toHaveLength(1);
    await a.db.pull();
    expect(await values(a, "select count(*) from big where v like '%x'")).toEqual([[0]]);
    expect(await values(a, "pragma integrity_check")).toEqual([["ok"]]);
  });
});

/** Small tables, one page each, and one with more: transactions read some and write others. */
const ACCOUNTS = ["a", "b", "c", "d"] as const;
const SCHEMA = `${ACCOUNTS.map((name) => `create table ${name}(id integer primary key, v)`).join(";")};
  ${ACCOUNTS.map((name) => `insert into ${name} values (1, 10), (2, 20)`).join(";")};
  create table big(id integer primary key, v, pad);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
    insert into big select i, i, hex(zeroblob(400)) from n`;

/** One transaction as SQL: what it writes depends on what it reads. */
function randomTransaction(random: SeededRandom): string[] {
  const statements: string[] = [];
  for (let left = random.integer(1, 2); left > 0; left--) {
    const [from, to] = [random.pick(ACCOUNTS), random.pick(ACCOUNTS)];
    const row = random.integer(1, 60);
    const sum = `(select sum(v) + count(*) from ${from})`;
    statements.push(
      random.pick([
        `update ${to} set v = ${sum} where id = ${random.integer(1, 2)}`,
        `update ${to} set v = v + 1 where id = 1 and ${sum} > 35`,
        `update big set v = v + ${sum} where id = ${row}`,
        `update ${to} set v = (select v from big where id = ${row}) where id = 2`,
        `insert into ${to}(v) values (${sum})`,
        `delete from ${to} where id > 2 and v < ${sum}`,
        `insert into big(v, pad) values (${sum}, hex(zeroblob(${random.integer(0, 900)})))`,
      ]),
    );
  }
  return statements;
}

/** Answers those that changed something: the others only read, and are no part of any history. */
async function runAll(
  { db, volume }: Replica,
  transactions: readonly string[][],
): Promise<string[][]> {
  const committed: string[][] = [];
  for (const statements of transactions) {
    const before = volume.pendingCommits().length;
    await db.transaction(async (tx) => {
      for (const sql of statements) await tx.exec(sql);
    });
    if (volume.pendingCommits().length > before) committed.push(statements);
  }
  return committed;
}

describe("whatever two replicas do", () => {
  it("a merge leaves what stock SQLite makes of the remote transactions and then the local ones", async () => {
    const random = new SeededRandom(60);
    await using cluster = await Cluster.start({ random: random.fork() });
    const { a, b } = await openPair(cluster, SCHEMA);
    const stock = new DatabaseSync(":memory:");
    stock.exec(SCHEMA);
    const tables = [...ACCOUNTS, "big"].map((name) => `select * from ${name} order by id`);
    let mergeCount = 0;
    for (let round = 0; round < 120; round++) {
      // Both stand on one snapshot; what their caches hold is left as it is.
      const draw = (): string[][] =>
        Array.from({ length: random.integer(1, 2) }, () => randomTransaction(random));
      const theirs = await runAll(a, draw());
      const ours = await runAll(b, draw());
      await a.db.push();
      const outcome = await pushSecond(b);
      const done = outcome === "diverged" ? theirs : [...theirs, ...ours];
      if (outcome === "merged") mergeCount++;
      if (outcome === "diverged") await b.volume.reset();
      await Promise.all([a.db.pull(), b.db.pull()]);
      for (const statements of done) for (const sql of statements) stock.exec(sql);
      for (const sql of tables) {
        const expected = stock
          .prepare(sql)
          .all()
          .map((row) => Object.values(row));
        expect([round, await values(b, sql)]).toEqual([round, expected]);
        if (round % 10 === 0) expect(await values(a, sql)).toEqual(expected);
      }
    }
    expect(await values(b, "pragma integrity_check")).toEqual([["ok"]]);
    expect(mergeCount).toBeGreaterThan(20);
  });
});
