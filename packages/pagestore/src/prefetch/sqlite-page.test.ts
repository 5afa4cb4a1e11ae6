import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  classifyPage,
  type PageClass,
  readChildren,
  readDatabaseHeader,
  readNextOverflow,
  readRootPage,
  readTableRows,
  readTreePage,
} from "./sqlite-page.ts";

const SCHEMA = `
  CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);
  CREATE INDEX by_body ON t(substr(body, 1, 20));
  CREATE VIEW shown AS SELECT 1;
  CREATE TABLE w(a TEXT PRIMARY KEY, b) WITHOUT ROWID;
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
    INSERT INTO t SELECT i, hex(randomblob(CASE i % 50 WHEN 0 THEN 4000 ELSE 40 END)) FROM n;
  INSERT INTO w SELECT body, id FROM t WHERE id % 50 <> 0;
  CREATE TABLE gone(x); INSERT INTO gone SELECT body FROM t; DROP TABLE gone;
`;

function ascending(values: Iterable<number>): readonly number[] {
  return [...values].sort((a, b) => a - b);
}

function build(pageSize: number, autoVacuum: string): { db: DatabaseSync; pages: Uint8Array[] } {
  const db = new DatabaseSync(":memory:");
  db.exec(`PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = ${autoVacuum}; ${SCHEMA}`);
  const bytes = new Uint8Array(db.serialize());
  const count = bytes.length / pageSize;
  const at = (index: number): Uint8Array =>
    bytes.subarray(index * pageSize, (index + 1) * pageSize);
  return { db, pages: Array.from({ length: count }, (_, index) => at(index)) };
}

/** Which pages a tree has, as SQLite's own table of pages says. */
function pagesBySqlite(db: DatabaseSync): Map<number, PageClass> {
  const classes = new Map<number, PageClass>();
  const rows = db.prepare("SELECT name, pageno, pagetype FROM dbstat").all();
  const indexes = new Set(["by_body", "w"]);
  for (const { name, pageno, pagetype } of rows) {
    const tree = indexes.has(String(name)) ? "index" : "table";
    const level = pagetype === "internal" ? "interior" : "leaf";
    classes.set(Number(pageno), pagetype === "overflow" ? "other" : `${tree}-${level}`);
  }
  return classes;
}

describe("a page", () => {
  it.each([
    [512, "NONE"],
    [1024, "FULL"],
    [4096, "INCREMENTAL"],
    [65_536, "NONE"],
  ])("of a database with pages of %i bytes, auto-vacuum %s, is what SQLite says", (size, mode) => {
    const { db, pages } = build(size, mode);
    const header = readDatabaseHeader(pages[0] ?? new Uint8Array());
    if (header === undefined) throw new Error("page 1 has a header");
    expect(header).toEqual({ pageSize: size, usableSize: size, hasPointerMaps: mode !== "NONE" });
    const known = pagesBySqlite(db);
    for (const [index, kind] of known) {
      expect([index, classifyPage(pages[index - 1] ?? new Uint8Array(), index, header)]).toEqual([
        index,
        kind,
      ]);
    }
    const second = classifyPage(pages[1] ?? new Uint8Array(), 2, header);
    expect(second === "pointer-map").toBe(mode !== "NONE");
    db.close();
  });

  it("leads to every page of its tree, and to nothing else", () => {
    const { db, pages } = build(512, "NONE");
    const [pageOne = new Uint8Array()] = pages;
    const header = readDatabaseHeader(pageOne);
    if (header === undefined) throw new Error("page 1 has a header");
    const schemaRoots = db.prepare("SELECT rootpage FROM sqlite_schema").all();
    const roots: number[] = [];
    const walk = (index: number, seen: Set<number>): void => {
      seen.add(index);
      const page = pages[index - 1] ?? new Uint8Array();
      for (const child of readChildren(page, index)) walk(child, seen);
      for (const row of readTableRows(page, index, header)) {
        for (let next = row.overflow; next !== 0; ) {
          seen.add(next);
          next = readNextOverflow(pages[next - 1] ?? new Uint8Array());
        }
      }
    };
    const schema = new Set<number>();
    walk(1, schema);
    for (const index of schema) {
      const page = pages[index - 1] ?? new Uint8Array();
      for (const row of readTableRows(page, index, header)) {
        const root = readRootPage(page, row);
        if (root !== undefined && root > 0) roots.push(root);
      }
    }
    const named = schemaRoots.map(({ rootpage }) => Number(rootpage));
    expect(ascending(roots)).toEqual(ascending(named.filter((root) => root > 0)));
    const table = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 't'").get();
    const tableRoot = Number(table?.rootpage);
    const seen = new Set<number>();
    walk(tableRoot, seen);
    const expected = db.prepare("SELECT pageno FROM dbstat WHERE name = 't'").all();
    expect(ascending(seen)).toEqual(ascending(expected.map(({ pageno }) => Number(pageno))));
    db.close();
  });

  it("of any bytes is some page, and reading it never fails", () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 600 });
    const header = fc.record({
      pageSize: fc.nat(70_000),
      usableSize: fc.nat(70_000),
      hasPointerMaps: fc.boolean(),
    });
    const type = fc.constantFrom(0, 1, 2, 5, 10, 13, 255);
    fc.assert(
      fc.property(bytes, type, fc.nat(5), header, (rest, first, index, database) => {
        const page = Uint8Array.of(first, ...rest);
        expect(classifyPage(page, index + 1, database)).toBeTypeOf("string");
        for (const child of readChildren(page, index + 1)) expect(child >= 0).toBe(true);
        expect(readChildren(page, index + 1).length).toBeLessThanOrEqual(page.length);
        for (const row of readTableRows(page, index + 1, database)) readRootPage(page, row);
        expect(readNextOverflow(page)).toBeGreaterThanOrEqual(0);
        expect(readTreePage(page, index + 1)?.cellCount ?? 0).toBeLessThanOrEqual(page.length);
        readDatabaseHeader(page);
      }),
      { numRuns: 500 },
    );
  });
});
