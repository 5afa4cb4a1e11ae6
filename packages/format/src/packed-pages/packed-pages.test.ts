import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync } from "node:zlib";
import { GraftError, isGraftError, type Page, toPageIndex, toPageSize } from "@graft/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PACKED_PAGES_SIZE_MAX, packPages, unpackPages } from "./packed-pages.ts";

/** The pages of a database that SQLite made, after rows came and went in any order. */
function pagesOf(pageSize: number, seed: number, sql: readonly string[] = []): readonly Page[] {
  const db = new DatabaseSync(":memory:");
  db.exec(`PRAGMA page_size = ${pageSize}`);
  db.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v INTEGER)");
  db.exec("CREATE INDEX by_k ON t(k, v); CREATE INDEX by_v ON t(v)");
  const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";
  db.exec(`${rows} INSERT INTO t SELECT (i * ${2 * seed + 7919}) % 1000003, 'key ' || i, i FROM n`);
  db.exec(`DELETE FROM t WHERE v % 7 = ${seed % 7}; UPDATE t SET v = -v WHERE v % 5 = 1`);
  for (const statement of sql) db.exec(statement);
  const bytes = new Uint8Array(db.serialize());
  db.close();
  return Array.from({ length: bytes.length / pageSize }, (_, at) => ({
    index: toPageIndex(at + 1),
    data: bytes.slice(at * pageSize, (at + 1) * pageSize),
  }));
}

function isInterior({ data }: Page): boolean {
  return data[0] === 2 || data[0] === 5;
}

describe("packed pages", () => {
  it.each([512, 1024, 4096, 65_536])("of SQLite are the same once unpacked, at %i", (size) => {
    for (const seed of [1, 2, 3]) {
      const pages = pagesOf(size, seed);
      expect(unpackPages(packPages(pages, toPageSize(size)))).toEqual(pages);
    }
  });

  it("of negative keys, of blobs as keys and of a database that was vacuumed are the same", () => {
    const sql = [
      "INSERT INTO t SELECT -id - 1, k, v FROM t",
      "CREATE INDEX b ON t(zeroblob(v % 99))",
    ];
    for (const more of [sql, [...sql, "VACUUM"]]) {
      const pages = pagesOf(1024, 5, more);
      expect(pages.filter(isInterior).length).toBeGreaterThan(3);
      expect(unpackPages(packPages(pages, toPageSize(1024)))).toEqual(pages);
    }
  });

  it("of tables compress to less than half of what the pages do", () => {
    const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    const sql = ["CREATE TABLE log(body)", `${rows} INSERT INTO log SELECT hex(i * i) FROM n`];
    const pages = pagesOf(1024, 4, sql).filter(({ data }) => data[0] === 5);
    const packed = zstdCompressSync(packPages(pages, toPageSize(1024)));
    const plain = zstdCompressSync(Buffer.concat(pages.map(({ data }) => data)));
    expect(pages.length).toBeGreaterThan(5);
    expect(packed.length).toBeLessThan(plain.length / 2);
  });

  it("are any pages, whatever is in them", () => {
    const arbitraryPage = fc
      .tuple(fc.constantFrom(0, 2, 5, 10, 13), fc.uint8Array({ minLength: 511, maxLength: 511 }))
      .map(([type, rest]) => Uint8Array.of(type, ...rest));
    fc.assert(
      fc.property(fc.array(arbitraryPage, { maxLength: 5 }), (datas) => {
        const pages = datas.map((data, at) => ({ index: toPageIndex(at * 3 + 1), data }));
        expect(unpackPages(packPages(pages, toPageSize(512)))).toEqual(pages);
      }),
    );
  });

  it("that were changed on their way are refused, or are some pages, and never much memory", () => {
    const packed = packPages(pagesOf(512, 1).filter(isInterior), toPageSize(512));
    const change = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1 });
    fc.assert(
      fc.property(change, fc.nat(packed.length), (changes, length) => {
        const hostile = packed.slice(0, length);
        for (const [at, value] of changes) if (at < length) hostile[at] = value;
        try {
          const pages = unpackPages(hostile);
          const size = pages.reduce((sum, { data }) => sum + data.length, 0);
          expect(size).toBeLessThanOrEqual(PACKED_PAGES_SIZE_MAX);
        } catch (error) {
          expect(isGraftError(error, "invalid-argument")).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["nothing", []],
    ["another version", [2, 0x80, 4, 0]],
    ["a page size that is none", [1, 7, 0]],
    ["more pages than there may be", [1, 0x80, 4, 0xff, 0xff, 0xff, 0x7f]],
    ["a page that is not there", [1, 0x80, 4, 1, 1, 0]],
    ["page 0", [1, 0x80, 4, 1, 0, 0]],
    ["a page of another kind", [1, 0x80, 4, 1, 1, 2]],
    ["more bytes", [1, 0x80, 4, 0, 0]],
  ])("of %s are refused", (_, bytes) => {
    expect(() => unpackPages(Uint8Array.from(bytes))).toThrow(GraftError);
  });
});
