import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type GraftError, isGraftError, type PageIndex, toPageCount } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportDatabase } from "../export/export-database.ts";
import { FakeVolume } from "../testing/fake-volume.ts";
import { openTestDatabase } from "../testing/open-test-database.ts";
import { BUILD_MODULES } from "./modules.ts";
import { openImport } from "./open-import.ts";

let directory = "";
let fileCount = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "graft-import-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const newPath = (): string => join(directory, `${++fileCount}.db`);

const CONTENT = `
  create table t(id integer primary key, a, b text);
  insert into t(a, b) with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
    select i * 7 % 1000, hex(randomblob(60)) from n;
  insert into t(a, b) values (1, hex(zeroblob(200000))), (2, printf('%.*c', 70000, 'x'));
  create index by_a on t(a);
  create table w(k text primary key, v) without rowid;
  insert into w select b, a from t where length(b) < 200;
  create view v as select a from t;
  create trigger tr after delete on w begin select 1; end;
`;

interface Shape {
  readonly name: string;
  readonly pragmas: string;
  readonly after?: string;
}

const SHAPES: readonly Shape[] = [
  ...[512, 1024, 4096, 8192, 65_536].map((size) => ({
    name: `${size}-byte pages`,
    pragmas: `pragma page_size=${size}`,
  })),
  {
    name: "WAL mode, checkpointed",
    pragmas: "pragma journal_mode=wal",
    after: "pragma wal_checkpoint(truncate)",
  },
  { name: "full auto-vacuum", pragmas: "pragma auto_vacuum=full; pragma page_size=1024" },
  {
    name: "incremental auto-vacuum",
    pragmas: "pragma auto_vacuum=incremental",
    after: "pragma incremental_vacuum(3)",
  },
  { name: "a persistent journal", pragmas: "pragma journal_mode=persist" },
];

function build(path: string, shape: Shape): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(shape.pragmas);
  database.exec(CONTENT);
  database.exec("delete from t where id between 500 and 900; insert into t(a) values (5), (6)");
  if (shape.after !== undefined) database.exec(shape.after);
  return database;
}

async function importInto(path: string): Promise<FakeVolume> {
  using source = await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path });
  const pages = new Map(
    Array.from(source.pages(), ({ index, data }) => [index as number, data.slice()]),
  );
  const volume = new FakeVolume({ pageSize: source.pageSize });
  volume.receive({ pageCount: source.pageCount, pages });
  return volume;
}

function dump(path: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare("select name, sql from sqlite_schema order by name").all();
  const rows = ["t", "w"].map((name) => database.prepare(`select * from ${name} order by 1`).all());
  const check = database.prepare("pragma integrity_check").all();
  database.close();
  return { tables, rows, check };
}

async function exportFrom(volume: FakeVolume, path: string): Promise<void> {
  const reader = volume.openReader();
  await exportDatabase({ reader, fileSystem: nodeFileSystem, random: systemRandom, path });
  reader.close();
}

const failureOf = async (path: string): Promise<GraftError> => {
  try {
    (await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path })).close();
  } catch (error) {
    if (isGraftError(error)) return error;
    throw error;
  }
  throw new Error("the import was not refused");
};

describe("import and export", () => {
  test.each(SHAPES)("$name: import, query, write, export", async (shape) => {
    const path = newPath();
    build(path, shape).close();
    const volume = await importInto(path);
    expect(volume.pageBytes(1)?.subarray(18, 20)).toEqual(new Uint8Array([1, 1]));
    const out = newPath();
    await exportFrom(volume, out);
    expect(dump(out)).toEqual(dump(path));

    const { db } = openTestDatabase({ volume });
    expect(await db.prepare("select count(*), sum(a) from t").raw().get()).toEqual(
      Object.values(new DatabaseSync(path).prepare("select count(*), sum(a) from t").get() ?? {}),
    );
    await db.exec("insert into t(a) values (99); delete from w where v < 500; vacuum");
    expect(await db.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    await db.close();
    await exportFrom(volume, newPath());
  });

  test("what only the -wal beside it holds is imported, uncommitted frames are not", async () => {
    const path = newPath();
    const database = build(path, {
      name: "",
      pragmas: "pragma journal_mode=wal; pragma wal_autocheckpoint=0",
    });
    database.exec("pragma cache_size=5; update t set b = 'last' where id = 1");
    database.exec("begin; update t set b = hex(randomblob(100))");
    const copy = newPath();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    database.exec("rollback");
    const volume = await importInto(copy);
    const out = newPath();
    await exportFrom(volume, out);
    expect(dump(out)).toEqual(dump(path));
    database.close();
  });

  test("a -wal whose newest frames are torn ends before them", async () => {
    const path = newPath();
    const database = build(path, { name: "", pragmas: "pragma journal_mode=wal" });
    database.exec("pragma wal_checkpoint(truncate); pragma wal_autocheckpoint=0");
    database.exec("update t set b = 'one' where id = 1");
    const size = readFileSync(`${path}-wal`).length;
    database.exec("update t set b = 'two' where id = 1");
    const copy = newPath();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    database.close();
    const handle = openSync(`${copy}-wal`, "r+");
    writeSync(handle, "torn", size + 200);
    closeSync(handle);
    const { db } = openTestDatabase({ volume: await importInto(copy) });
    expect(await db.prepare("select b from t where id = 1").pluck().get()).toBe("one");
    await db.close();
  });

  test("reserved bytes at the end of each page are kept", async () => {
    const path = newPath();
    await buildWithReservedBytes(path);
    const volume = await importInto(path);
    expect(volume.pageBytes(1)?.[20]).toBe(32);
    const { db } = openTestDatabase({ volume });
    await db.exec("insert into t(a) values (99); delete from w where v < 500; vacuum");
    expect(await db.prepare("pragma integrity_check").pluck().get()).toBe("ok");
    expect(volume.pageBytes(1)?.[20]).toBe(32);
    await db.close();
  });

  test("a UTF-16 database comes along with a warning: this build reads UTF-8 only", async () => {
    const path = newPath();
    build(path, { name: "", pragmas: "pragma encoding='UTF-16le'" }).close();
    using source = await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path });
    expect(source.warnings).toEqual([expect.stringContaining("UTF-16")]);
    const volume = await importInto(path);
    const out = newPath();
    await exportFrom(volume, out);
    expect(dump(out)).toEqual(dump(path));
  });

  test("a module this build lacks is a warning by table, and the pages come along", async () => {
    const path = newPath();
    const database = new DatabaseSync(path, { allowExtension: false });
    database.exec("create table t(a); create virtual table f using fts5(x)");
    database.enableDefensive?.(false);
    database.exec(`pragma writable_schema=on; insert into sqlite_schema values
      ('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo USING spatialite_thing(a, b)')`);
    database.close();
    using source = await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path });
    expect(source.warnings).toEqual([
      expect.stringMatching(/^table "geo" uses the module spatialite_thing/),
    ]);
    expect([...source.pages()].length).toBe(source.pageCount);
  });

  test("the list of modules is that of the build", async () => {
    const { db } = openTestDatabase();
    const listed = await db.prepare("pragma module_list").raw().all();
    const names = new Set(listed.map(([name]) => String(name)));
    for (const name of BUILD_MODULES) expect(names).toContain(name);
    const shadow = /^(pragma_|json_|fts3|carray|generate_series)/;
    const others = [...names].filter((name) => !BUILD_MODULES.has(name) && !shadow.test(name));
    expect(others).toEqual([]);
    await db.close();
  });
});

describe("an import refuses, naming what is wrong", () => {
  test("what is no database, and what is not there", async () => {
    const path = newPath();
    writeFileSync(path, "this is a text file, and rather a long one at that. ".repeat(10));
    expect(await failureOf(path)).toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("is not a SQLite database"),
    });
    writeFileSync(path, "");
    expect((await failureOf(path)).message).toContain("is empty");
    expect((await failureOf(join(directory, "missing.db"))).code).toBe("not-found");
    expect((await failureOf(directory)).message).toContain("is a directory");
  });

  test("a database that is cut off", async () => {
    const path = newPath();
    build(path, { name: "", pragmas: "" }).close();
    truncateSync(path, 4096 * 20 + 100);
    const error = await failureOf(path);
    expect(error).toMatchObject({ code: "corrupt", details: { page: 21 } });
    expect(error.message).toContain("damaged at page 21: the file is cut off");
  });

  test("a transaction that was interrupted", async () => {
    const path = newPath();
    const database = build(path, { name: "", pragmas: "pragma cache_size=5" });
    database.exec("pragma cache_size=5; begin; update t set b = hex(randomblob(80))");
    const copy = newPath();
    copyFileSync(path, copy);
    copyFileSync(`${path}-journal`, `${copy}-journal`);
    database.exec("rollback");
    database.close();
    expect((await failureOf(copy)).message).toContain("open it once with sqlite3");
  });

  test("a database that is written while it is read", async () => {
    const path = newPath();
    const database = build(path, { name: "", pragmas: "" });
    using source = await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path });
    database.exec("insert into t(a) values (1)");
    database.close();
    expect(() => [...source.pages()]).toThrow(/was changed while it was read/);
  });

  test.each(SHAPES)("$name: every page that stock SQLite finds damaged", async (shape) => {
    const path = newPath();
    build(path, shape).close();
    const whole = readFileSync(path);
    const pageSize = (whole.readUInt16BE(16) === 1 ? 65_536 : whole.readUInt16BE(16)) as number;
    const pageCount = whole.length / pageSize;
    const trunks = freelistTrunks(whole, pageSize);
    const random = new SeededRandom(5);
    const missed: unknown[] = [];
    for (let round = 0; round < 30; round++) {
      const bytes = Uint8Array.from(whole);
      const page = random.integer(1, pageCount - 1);
      const kind = round % 3;
      // A header of the page, its whole, or eight bytes somewhere in it.
      const at = page * pageSize + (kind === 2 ? random.integer(0, pageSize - 8) : 0);
      const size = kind === 0 ? 8 : kind === 1 ? pageSize : 8;
      random.fill(bytes.subarray(at, at + size));
      const copy = newPath();
      writeFileSync(copy, bytes);
      const stock = stockCheck(copy, "quick_check");
      const stockInFull = stockCheck(copy, "integrity_check");
      let ours = "ok";
      try {
        (await openImport({ fileSystem: nodeFileSystem, clock: systemClock, path: copy })).close();
      } catch (error) {
        ours = (error as Error).message;
        expect(isGraftError(error, "corrupt") && typeof error.details.page).toBe("number");
      }
      rmSync(copy);
      if (ours === "ok" && stock !== "ok") missed.push({ page: page + 1, kind, stock });
      // Stock lets pass what a freelist names wrongly; a database that allocates from it breaks
      // later.
      if (ours === "ok" || trunks.has(page + 1)) continue;
      if (stockInFull === "ok") missed.push({ page: page + 1, kind, ours });
    }
    expect(missed).toEqual([]);
  });
});

/** A database whose pages end with 32 reserved bytes, as encrypting extensions make them. */
async function buildWithReservedBytes(path: string): Promise<void> {
  const volume = new FakeVolume();
  const { db } = openTestDatabase({ volume });
  await db.exec("create table x(y); drop table x; vacuum");
  const page = volume.pageBytes(1)?.slice() ?? new Uint8Array(0);
  // The cells of the one, empty page begin where the reserved bytes do.
  page[20] = 32;
  page.set([(4096 - 32) >> 8, (4096 - 32) & 0xff], 105);
  volume.receive({ pages: new Map([[1, page]]) });
  await db.exec(CONTENT);
  await db.close();
  await exportFrom(volume, path);
  expect(stockCheck(path, "integrity_check")).toBe("ok");
}

/**
 * What only content tells (an index without an entry, a value of the wrong type) is not ours to
 * judge.
 */
function stockCheck(path: string, check: "quick_check" | "integrity_check"): string {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const lines = database.prepare(`pragma ${check}(1)`).all();
    return String(Object.values(lines[0] ?? {})[0]);
  } catch (error) {
    return String(error);
  } finally {
    database.close();
  }
}

test("an export never replaces a file unless told to, and never one with a journal beside it", async () => {
  const volume = new FakeVolume();
  const { db } = openTestDatabase({ volume });
  await db.exec("create table t(a)");
  await db.close();
  const path = newPath();
  await exportFrom(volume, path);
  await expect(exportFrom(volume, path)).rejects.toMatchObject({ code: "busy" });
  const reader = volume.openReader();
  const means = { reader, fileSystem: nodeFileSystem, random: systemRandom, path, replace: true };
  await exportDatabase(means);
  writeFileSync(`${path}-wal`, "");
  await expect(exportDatabase(means)).rejects.toThrow(/-wal" exists/);
  expect(toPageCount(reader.pageCount)).toBe(2);
  expect(reader.read(1 as PageIndex, new Uint8Array(4096))).toBe(true);
});

/** The pages that list free pages. */
function freelistTrunks(file: Buffer, pageSize: number): ReadonlySet<number> {
  const trunks = new Set<number>();
  let page = file.readUInt32BE(32);
  while (page !== 0) {
    trunks.add(page);
    page = file.readUInt32BE((page - 1) * pageSize);
  }
  return trunks;
}
