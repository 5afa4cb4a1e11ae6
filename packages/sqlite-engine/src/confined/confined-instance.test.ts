import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { EngineInstance } from "../engine-instance.ts";
import type { MemoryDisk } from "../memory-vfs.ts";
import { MemoryContent, MemoryVfs } from "../memory-vfs.ts";
import { loadNodeEngine } from "../node/load-engine.ts";
import { SQLITE_CORRUPT, SQLITE_FULL, SQLITE_NOMEM, SQLITE_TOOBIG } from "../result-codes.ts";
import { createDisk, ITEMS_SQL } from "../testing/fixture.ts";
import type { Vfs, VfsFile, VfsOpenRequest } from "../vfs.ts";
import {
  type ConfinedEnd,
  ConfinedInstance,
  type ConfinedStatement,
  STEPS_PER_LOOK,
} from "./confined-instance.ts";

const HEAP_BYTES_MAX = 16 * 1024 * 1024;
const PAGE_SIZE = 4096;

/** Tells which pages of the main file are read, and refuses to write. */
class ReadingVfs implements Vfs {
  readonly name = "reading";
  readonly touched = new Set<number>();
  onRead: (target: Uint8Array) => void = () => undefined;
  readonly #inner: MemoryVfs;

  constructor(disk: MemoryDisk) {
    this.#inner = new MemoryVfs(disk);
  }

  open(request: VfsOpenRequest): VfsFile {
    const file = this.#inner.open(request);
    if (request.kind !== "main") return file;
    const read = file.read.bind(file);
    file.read = (target, offset) => {
      this.touched.add(Math.floor(offset / PAGE_SIZE) + 1);
      this.onRead(target);
      return read(target, offset);
    };
    file.write = () => SQLITE_FULL;
    return file;
  }

  delete(name: string): void {
    this.#inner.delete(name);
  }

  exists(name: string): boolean {
    return this.#inner.exists(name);
  }
}

const SCHEMA = `${ITEMS_SQL};
  create table note (id integer primary key, body text, item integer references item);
  create index note_item on note (item);
  insert into note (body, item)
    select hex(zeroblob(200)), value % 50 from (
      with recursive n(value) as (select 1 union all select value + 1 from n where value < 3000)
      select value from n);
  create view notes as select n.id, n.body from note n where n.item = 7;
  create trigger note_delete after delete on note begin
    update item set amount = amount + 1 where id = old.item;
  end;
  create virtual table found using fts5(body);
  insert into found values ('hello world'), ('hello again');`;
const disk = await createDisk(SCHEMA);

interface Ran {
  readonly end: ConfinedEnd;
  readonly touched: ReadonlySet<number>;
}

async function run(
  statements: readonly (string | ConfinedStatement)[],
  options: { looks?: number; on?: MemoryDisk; onRead?: (target: Uint8Array) => void } = {},
): Promise<Ran> {
  const vfs = new ReadingVfs(options.on ?? disk);
  const instance = await ConfinedInstance.create(await loadNodeEngine(), {
    vfs,
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    heapMaxBytes: HEAP_BYTES_MAX,
  });
  if (options.onRead !== undefined) vfs.onRead = options.onRead;
  let looks = options.looks ?? 1000;
  const end = instance.run({
    filename: "test.db",
    statements: statements.map((one) =>
      typeof one === "string" ? { sql: one, parameters: [] } : one,
    ),
    mayGoOn: () => looks-- > 0,
  });
  return { end, touched: vfs.touched };
}

/** What a connection like any other reads for it. */
async function touchedLocally(sql: string): Promise<ReadonlySet<number>> {
  const vfs = new ReadingVfs(copyOf(disk));
  const db = await EngineInstance.open(await loadNodeEngine(), {
    vfs,
    filename: "test.db",
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
  });
  const statement = await db.prepare(sql);
  if (/^(select|with)/.test(sql)) await statement.all();
  else {
    await db.exec("begin");
    await statement.run();
  }
  return vfs.touched;
}

function copyOf(other: MemoryDisk): MemoryDisk {
  const copy: MemoryDisk = new Map();
  for (const [name, content] of other) {
    const bytes = new MemoryContent();
    bytes.write(content.view(), 0);
    copy.set(name, bytes);
  }
  return copy;
}

describe("a confined run touches what a connection like any other touches", () => {
  test.each([
    "select * from note where id = 1234",
    "select count(*) from note where item = 7",
    "with a as (select id from note where item = 3) select max(id) from a",
    "select n.body, i.amount from note n join item i on i.id = n.item where n.id between 5 and 90",
    "select * from notes order by id desc limit 3",
    "select rowid, highlight(found, 0, '<', '>') from found where found match 'hello'",
    "select value from json_each('[1,2,3]')",
    "update note set body = 'x' where id = 77",
    "update note set item = 1 where id in (5, 500, 2500)",
    "delete from note where item = 9",
    "insert into note (body, item) values ('new', 4)",
  ])("%s", async (sql) => {
    const before = disk.get("test.db")?.view().slice();
    const { end, touched } = await run([sql]);
    expect(end).toEqual({ kind: "done" });
    expect([...touched].sort()).toEqual([...(await touchedLocally(sql))].sort());
    expect(disk.get("test.db")?.view()).toEqual(before);
  });
});

test("statements of one run see what those before them changed, and nobody else does", async () => {
  const statements = [
    "delete from note where id > 10",
    { sql: "select body from note where id = :id", parameters: [{ id: 2 }] as const },
    "insert into note select id + 5000, body, item from note",
  ];
  expect((await run(statements)).end).toEqual({ kind: "done" });
  const { touched } = await run(["select count(*) from note"]);
  expect(touched.size).toBeGreaterThan(3);
});

test("rows beyond those that will be read are not looked for", async () => {
  const sql = "select * from note";
  const all = await run([sql]);
  const one = await run([{ sql, parameters: [], rowsMax: 1 }]);
  expect(one.end).toEqual({ kind: "done" });
  expect(one.touched.size).toBeLessThan(all.touched.size / 10);
});

describe("is refused, and reads no further", () => {
  test.each([
    "attach 'other.db' as other",
    "detach main",
    "pragma cache_size = 100000",
    "pragma writable_schema = on",
    "select * from pragma_table_list",
    "select load_extension('x')",
    "select fts5(?)",
    "select * from dbstat",
    "select * from sqlite_dbpage",
    "create table t (a)",
    "create temp table t (a)",
    "drop table note",
    "alter table note add column c",
    "update sqlite_schema set sql = ''",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
    "vacuum",
    "vacuum into 'elsewhere.db'",
    "reindex",
    "analyze",
  ])("%s", async (sql) => {
    const { end } = await run([sql]);
    // What does not exist in the build at all fails in another way.
    expect(["refused", "failed"]).toContain(end.kind);
    expect(end).not.toMatchObject({ kind: "done" });
  });

  test("a value that does not fit its parameter", async () => {
    const { end } = await run([{ sql: "select ?", parameters: [1, 2] }]);
    expect(end.kind).toBe("refused");
  });

  test("a syntax error, as a failure", async () => {
    expect((await run(["selec 1"])).end).toMatchObject({ kind: "failed" });
  });
});

describe("ends at a bound", () => {
  test.each([
    "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
    "select count(*) from note a, note b, note c",
  ])("stopped: %s", async (sql) => {
    expect((await run([sql], { looks: 20 })).end).toEqual({ kind: "stopped" });
  });

  test("a look comes every so many instructions", async () => {
    let looks = 0;
    const instance = await ConfinedInstance.create(await loadNodeEngine(), {
      vfs: new ReadingVfs(disk),
      clock: new SimulatedClock(),
      random: new SeededRandom(1),
      heapMaxBytes: HEAP_BYTES_MAX,
    });
    const sql =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9000) select max(i) from n";
    const mayGoOn = (): boolean => ++looks > 0;
    expect(
      instance.run({ filename: "test.db", statements: [{ sql, parameters: [] }], mayGoOn }),
    ).toEqual({ kind: "done" });
    expect(looks * STEPS_PER_LOOK).toBeGreaterThan(9000);
  });

  test.each([
    ["select length(zeroblob(1000000000))", SQLITE_TOOBIG],
    ["select hex(zeroblob(3000000))", SQLITE_TOOBIG],
    [`select 1 ${"+ 1".repeat(5000)}`, 1],
    [`select ${"(select ".repeat(600)}1${")".repeat(600)}`, 1],
    [
      "with recursive n(i, b) as (select 1, randomblob(99999) union select i + 1, randomblob(99999) from n) select max(b) from n",
      SQLITE_NOMEM,
    ],
    ["update note set body = hex(zeroblob(9000))", SQLITE_NOMEM],
  ])("failed: %s", async (sql, code) => {
    const { end } = await run([sql]);
    expect(end).toMatchObject({ kind: "failed", code });
  });

  test("a page that is no page of a tree", async () => {
    const broken = copyOf(disk);
    const content = broken.get("test.db");
    const { touched } = await run(["select body from note where id = 2000"]);
    const last = [...touched].at(-1) ?? 0;
    content?.write(new Uint8Array(PAGE_SIZE).fill(0x77), (last - 1) * PAGE_SIZE);
    const { end } = await run(["select body from note where id = 2000"], { on: broken });
    expect(end.kind === "failed" && end.code & 0xff).toBe(SQLITE_CORRUPT);
  });

  test("a crash of SQLite", async () => {
    let reads = 0;
    const onRead = (target: Uint8Array): void => {
      // As a stray pointer would: all of the heap, the stack and SQLite's static data included.
      if (++reads === 5) new Uint8Array(target.buffer).fill(0xff);
    };
    expect((await run(["select count(*) from note"], { onRead })).end.kind).toBe("trapped");
    expect((await run(["select count(*) from note"])).end).toEqual({ kind: "done" });
  });
});

test("whatever text comes, a run ends and the file stays as it is", async () => {
  const before = disk.get("test.db")?.view().slice();
  const words =
    "select from note where id = ( ) * , 'x' 1 -- ; pragma attach delete with as \0 \ud800".split(
      " ",
    );
  const random = new SeededRandom(7);
  for (let round = 0; round < 200; round++) {
    const count = random.u32() % 9;
    const sql = Array.from({ length: count }, () => words[random.u32() % words.length]);
    const { end } = await run([sql.join(" ")]);
    expect(end.kind).not.toBe("trapped");
  }
  expect(disk.get("test.db")?.view()).toEqual(before);
});
