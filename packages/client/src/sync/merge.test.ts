import {
  PAGE_SIZE_MIN,
  type PageSet,
  pageRange,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toVolumeId,
} from "@graft/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RemotePoint } from "../store/local-store.ts";
import { createMemoryLocalStore } from "../store/memory-local-store.ts";
import { decideMerge, type Footprint, saysTheSame } from "./merge.ts";

const PAGE_SIZE = PAGE_SIZE_MIN;
const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

function point(lsn: number, pageCount: number): RemotePoint {
  return { lsn: toLsn(BigInt(lsn)), pageCount: toPageCount(pageCount), pageSize: PAGE_SIZE };
}

function pages(...indexes: readonly number[]): PageSet {
  return pageSetOf(indexes.map(toPageIndex));
}

describe("a merge", () => {
  const base = point(1, 10);
  const work = (reads: PageSet | undefined, written: PageSet, pageCount = 10): Footprint => ({
    reads,
    pages: written,
    pageCount: toPageCount(pageCount),
  });
  const news = (changed: PageSet, pageCount = 10) => ({ remote: point(2, pageCount), changed });

  it.each([
    [
      "apart from what was read and written",
      work(pages(1, 2, 3), pages(3)),
      news(pages(4, 5)),
      "merge",
    ],
    ["on a page that was read", work(pages(1, 2, 3), pages(3)), news(pages(2)), "conflict"],
    ["on a page that was written blindly", work(pages(1), pages(3)), news(pages(3)), "conflict"],
    [
      "anywhere, when nobody knows what was read",
      work(undefined, pages(3)),
      news(pages(9)),
      "conflict",
    ],
    ["nowhere, when nobody knows what was read", work(undefined, pages(3)), news(pages()), "merge"],
    ["on page 1, which was read", work(pages(1, 3), pages(3)), news(pages(1, 9)), "page-one"],
    ["on page 1, which was written", work(pages(1, 3), pages(1, 3)), news(pages(1, 9)), "conflict"],
    ["on page 1, which nobody read", work(pages(3), pages(3)), news(pages(1, 9)), "merge"],
    [
      "beside a page 1 that was written",
      work(pages(1, 3), pages(1, 3)),
      news(pages(9)),
      "conflict",
    ],
    ["under work that allocated", work(pages(1, 3), pages(1, 11), 11), news(pages(9)), "conflict"],
    [
      "that ends before a page that was written",
      work(pages(1), pages(9)),
      news(pages(2), 8),
      "conflict",
    ],
    [
      "that ends before a page that was read",
      work(pages(1, 9), pages(3)),
      news(pages(2), 8),
      "conflict",
    ],
    [
      "that ends behind all that was touched",
      work(pages(2, 3), pages(3)),
      news(pages(9), 8),
      "merge",
    ],
    [
      "that resizes under a page 1 that was written",
      work(pages(2), pages(1)),
      news(pages(2), 12),
      "conflict",
    ],
    [
      "that grows, with what says so on page 1",
      work(pages(1, 3), pages(3)),
      news(pages(1, 11), 11),
      "page-one",
    ],
  ] as const)("with a change %s is decided", (_, transaction, change, decision) => {
    expect(decideMerge([transaction], base, change)).toBe(decision);
    expect(decideMerge([work(pages(), pages()), transaction], base, change)).toBe(decision);
  });

  it("overlooks on page 1 who wrote last and how many pages there are, and nothing else", () => {
    const before = new Uint8Array(PAGE_SIZE).fill(7);
    const differing = Array.from({ length: PAGE_SIZE }, (_, at) => at).filter((at) => {
      const after = before.slice();
      after[at] = 8;
      return !saysTheSame(before, after);
    });
    const overlooked = pageRange(24, 39);
    overlooked.insertRange(92, 99);
    expect(differing).toHaveLength(PAGE_SIZE - 24);
    expect(differing.some((at) => overlooked.contains(at))).toBe(false);
  });
});

/** Reads some pages, and writes others with what it makes of them; or writes without reading. */
interface Transaction {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly salt: number;
}

const PAGE_COUNT = 8;

function execute(
  state: ReadonlyMap<number, number>,
  transaction: Transaction,
): Map<number, number> {
  const seen = transaction.reads.map((page) => state.get(page) ?? 0);
  const after = new Map(state);
  for (const page of transaction.writes) {
    const mixed = seen.reduce((sum, value) => Math.imul(sum, 31) + value, transaction.salt + page);
    after.set(page, mixed & 0xff);
  }
  return after;
}

describe("transactions that are carried over", () => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: PAGE_COUNT }), { maxLength: 3 });
  const transaction = fc.record({ reads: some, writes: some, salt: fc.nat(255) });
  const transactions = fc.array(transaction, { minLength: 1, maxLength: 3 });

  it("leave what they would have made, had they run after the remote ones", () => {
    let mergeCount = 0;
    fc.assert(
      fc.property(transactions, transactions, (theirs, ours) => {
        const start = new Map(Array.from({ length: PAGE_COUNT }, (_, at) => [at + 1, at] as const));
        const remote = theirs.reduce(execute, start);
        const changed = pages(...theirs.flatMap(({ writes }) => writes));
        const merged = carryOver(start, ours, remote, changed);
        if (merged === undefined) return;
        mergeCount++;
        expect(merged).toEqual(ours.reduce(execute, remote));
      }),
      { numRuns: 3000 },
    );
    expect(mergeCount).toBeGreaterThan(200);
  });
});

/** What a replica shows after a merge, read through its store; undefined when there is none. */
function carryOver(
  start: ReadonlyMap<number, number>,
  ours: readonly Transaction[],
  remote: ReadonlyMap<number, number>,
  changed: PageSet,
): Map<number, number> | undefined {
  const store = createMemoryLocalStore({ volumeId, pageSize: PAGE_SIZE });
  const base = point(1, PAGE_COUNT);
  store.applyRemote(base, pages());
  fetchAbsent(start);
  let state = start;
  for (const transaction of ours) {
    state = execute(state, transaction);
    const written = transaction.writes.map(
      (page) => [toPageIndex(page), new Uint8Array(PAGE_SIZE).fill(state.get(page) ?? 0)] as const,
    );
    const reads = pages(...transaction.reads);
    store.commitLocal({ pageCount: base.pageCount, pages: new Map(written), reads });
  }
  const news = { remote: point(2, PAGE_COUNT), changed };
  if (decideMerge(store.state().pending, base, news) !== "merge") return undefined;
  store.mergeRemote(news.remote, changed);
  return fetchAbsent(remote);

  function fetchAbsent(contents: ReadonlyMap<number, number>): Map<number, number> {
    const pin = store.pin();
    const seen = new Map<number, number>();
    for (let page = 1; page <= PAGE_COUNT; page++) {
      const target = new Uint8Array(PAGE_SIZE);
      const index = toPageIndex(page);
      if (store.read(pin, index, target) === "absent") {
        target.fill(contents.get(page) ?? 0);
        store.putFetched(pin, index, target);
      }
      expect(store.read(pin, index, target)).toBe("page");
      seen.set(page, target[0] ?? 0);
    }
    pin.close();
    return seen;
  }
}
