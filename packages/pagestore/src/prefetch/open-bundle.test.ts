import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync } from "node:zlib";
import { type Lsn, type PageSet, pageRange, toLsn, toPageSize } from "@graft/core";
import { unpackPages } from "@graft/format";
import type { ReadPagesAnswer } from "@graft/rpc";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createHarness, type Harness } from "../testing/harness.ts";

const PAGE_SIZE = 1024;
const PAGE_ONE: PageSet = pageRange(1, 1);

let pages: readonly Uint8Array[];
/** Interior pages, and roots. */
let upper: ReadonlySet<number>;

beforeAll(() => {
  const db = new DatabaseSync(":memory:");
  db.exec(`PRAGMA page_size = ${PAGE_SIZE};
    CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v INTEGER); CREATE TABLE empty(x);
    CREATE INDEX by_k ON t(k); CREATE INDEX by_v ON t(v);
    CREATE TABLE wide(x TEXT DEFAULT '${"y".repeat(3 * PAGE_SIZE)}');
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
      INSERT INTO t SELECT i, 'key ' || (i * 7919 % 12000), i % 100 FROM n`);
  const bytes = new Uint8Array(db.serialize());
  pages = Array.from({ length: bytes.length / PAGE_SIZE }, (_, at) =>
    bytes.slice(at * PAGE_SIZE, (at + 1) * PAGE_SIZE),
  );
  const named = db
    .prepare(
      `SELECT pageno FROM dbstat WHERE pagetype = 'internal' OR name = 'sqlite_schema'
        OR pageno IN (SELECT rootpage FROM sqlite_schema)`,
    )
    .all();
  upper = new Set(named.map(({ pageno }) => Number(pageno)));
  db.close();
});

async function commitPages(harness: Harness, content: readonly Uint8Array[]): Promise<Lsn> {
  return await harness.volume.commit({
    pages: new Map(content.map((data, at) => [at + 1, data])),
    pageCount: content.length,
    placement: { segments: 2, omitFrames: false },
  });
}

async function readOpening(
  harness: Harness,
  openBundle: number | undefined,
  lsn: Lsn | undefined,
  pageSet = PAGE_ONE,
): Promise<ReadPagesAnswer> {
  const { volumeId } = harness.volume;
  const hint = openBundle === undefined ? {} : { openBundle };
  return await harness.pagestore.readPages({ volumeId, lsn, pageSet, byteBudget: 1e6, ...hint });
}

function unpackAll({ packed }: ReadPagesAnswer): Map<number, Uint8Array> {
  const all = new Map<number, Uint8Array>();
  for (const { index, data } of (packed ?? []).flatMap((bytes) => unpackPages(bytes))) {
    expect(all.has(index)).toBe(false);
    all.set(index, data);
  }
  return all;
}

describe("a read of page 1 with room for a bundle", () => {
  it("brings the schema and the upper levels of every tree", async () => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    const lsn = await commitPages(harness, pages);
    // Each time some more of what was not here.
    let answer = await readOpening(harness, 64 * 1024, lsn);
    for (let again = 0; again < 30; again++) answer = await readOpening(harness, 64 * 1024, lsn);
    const bundle = unpackAll(answer);
    for (const [index, data] of bundle) expect(data).toEqual(pages[index - 1]);
    const brought = new Set([1, ...bundle.keys()]);
    expect([...upper].filter((index) => !brought.has(index))).toEqual([]);
    expect(brought.size).toBeLessThanOrEqual(upper.size + 2);
    expect(new Set(answer.covered)).toEqual(brought);
    expect(answer.lsn).toBeUndefined();
  });

  it("is of the newest snapshot when none is named", async () => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    await commitPages(harness, pages.slice(0, 4));
    const lsn = await commitPages(harness, pages);
    const answer = await readOpening(harness, 4096, undefined);
    expect([answer.lsn, answer.pages[0]?.data]).toEqual([lsn, pages[0]]);
    expect(lsn).toBe(toLsn(2n));
  });

  it.each([0, 100, 2000, 6000, 20_000])("keeps within %i bytes", async (openBundle) => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    const lsn = await commitPages(harness, pages);
    for (let again = 0; again < 10; again++) {
      const answer = await readOpening(harness, openBundle, lsn);
      let size = 0;
      for (const bytes of answer.packed ?? []) size += zstdCompressSync(bytes).length;
      expect(size).toBeLessThanOrEqual(openBundle);
      expect(answer.pages).toHaveLength(1);
    }
  });

  it("asks the object store for 4 frames more at most, and for none that is here", async () => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    const lsn = await commitPages(harness, pages);
    const plain = harness.restart();
    await readOpening(plain, undefined, lsn);
    const { requestCount } = plain.store.meter;
    const bundled = harness.restart();
    await readOpening(bundled, 64 * 1024, lsn);
    expect(bundled.store.meter.requestCount).toBeLessThanOrEqual(requestCount + 4);
    for (let again = 0; again < 30; again++) await readOpening(bundled, 64 * 1024, lsn);
    const before = bundled.store.meter.requestCount;
    await readOpening(bundled, 64 * 1024, lsn);
    expect(bundled.store.meter.requestCount).toBe(before);
  });

  it("brings nothing with other pages, or without the hint", async () => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    const lsn = await commitPages(harness, pages);
    expect((await readOpening(harness, undefined, lsn)).packed).toBeUndefined();
    for (const set of [pageRange(1, 2), pageRange(2, 2)]) {
      expect((await readOpening(harness, 9999, lsn, set)).packed).toBeUndefined();
    }
  });

  it("answers page 1 whatever the bytes of the database are, and brings only true pages", async () => {
    // Most of it where it leads astray: headers and pointers.
    const offset = fc.oneof(fc.nat(140), fc.nat(PAGE_SIZE - 1));
    const damage = fc.array(fc.tuple(fc.nat(40), offset, fc.nat(255)), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const content = pages.map((page) => page.slice());
        for (const [at, where, value] of changes) content[at]?.set([value], where);
        const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
        const lsn = await commitPages(harness, content);
        for (let again = 0; again < 3; again++) {
          const answer = await readOpening(harness, 20_000, lsn);
          expect(answer.pages.map(({ data }) => data)).toEqual([content[0]]);
          for (const [index, data] of unpackAll(answer)) expect(data).toEqual(content[index - 1]);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("of what is no database brings nothing", async () => {
    const harness = createHarness({ pageSize: toPageSize(PAGE_SIZE) });
    const lsn = await commitPages(harness, [new Uint8Array(PAGE_SIZE).fill(5)]);
    const answer = await readOpening(harness, 20_000, lsn);
    expect([answer.pages.length, answer.packed]).toEqual([1, []]);
  });
});
