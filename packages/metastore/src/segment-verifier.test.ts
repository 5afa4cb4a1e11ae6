import {
  createSegmentId,
  type GraftError,
  type Page,
  type PageIndex,
  pageRange,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { type BuiltSegment, buildSegment, segmentKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { type CommitRequest, type SegmentInfo, saysNothingWritten } from "@graft/rpc";
import { expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const PAGE_SIZE = toPageSize(512);
const FIRST = toLsn(1n);
const DAY_MS = 24 * 60 * 60 * 1000;

function pages(count: number, byte = 7): Page[] {
  return Array.from({ length: count }, (_, at) => ({
    index: toPageIndex(at + 1),
    data: new Uint8Array(512).fill(byte + at),
  }));
}
async function upload(
  on: TestMetastore,
  content: readonly Page[],
  pageSize = PAGE_SIZE,
): Promise<BuiltSegment & { info: SegmentInfo }> {
  const { volumeId } = on;
  const segmentId = createSegmentId(on);
  const built = await buildSegment(content, { volumeId, segmentId, pageSize }, on.compute);
  await on.store.put(segmentKey(volumeId, segmentId), built.bytes);
  const { pageSet, size } = built.footer;
  return { ...built, info: { segmentId, pageSet, sizeBytes: size } };
}
async function commitOf(
  on: TestMetastore,
  segments: readonly SegmentInfo[],
  change: Partial<CommitRequest> = {},
): Promise<CommitRequest> {
  const pageCount = toPageCount(1000);
  const base = { pageSize: PAGE_SIZE, segments, pageCount, lowPageCount: pageCount };
  return await inlineCommitOf(on, undefined, [], { ...base, ...change });
}
async function failureOf(call: Promise<unknown>): Promise<GraftError> {
  const error = await call.then(
    () => expect.unreachable("it should have failed"),
    (caught: unknown) => caught as GraftError,
  );
  expect(saysNothingWritten(error)).toBe(true);
  return error;
}

test("a commit takes the frames of its segments into its record", async () => {
  const on = createTestMetastore();
  const { info, footer } = await upload(on, pages(200));
  await on.metastore.commit(await commitOf(on, [info]));
  const { commits } = await on.metastore.pullCommits({
    volumeId: on.volumeId,
    range: { start: FIRST },
    includeRecords: true,
  });
  expect(commits[0]?.segments[0]).toEqual(info);
  expect(footer.frames.length).toBe(4);
});

test("a segment without a size (v0.1) is measured", async () => {
  const on = createTestMetastore();
  const { info } = await upload(on, pages(3));
  const { segmentId, pageSet } = info;
  await on.metastore.commit(await commitOf(on, [{ segmentId, pageSet }]));
  const { commits } = await on.metastore.pullCommits({
    volumeId: on.volumeId,
    range: { start: FIRST },
    includeRecords: false,
  });
  expect(commits[0]?.segments[0]?.sizeBytes).toBe(info.sizeBytes);
});

test("a part of a segment may be taken, across frames", async () => {
  const on = createTestMetastore();
  const { info } = await upload(on, pages(200));
  const pageSet = pageRange(60, 70);
  await on.metastore.commit(await commitOf(on, [{ ...info, pageSet }]));
  const { changes } = await on.metastore.pullGraft(on.volumeId, { start: FIRST });
  expect([...(changes?.pageSet ?? [])]).toEqual([...pageSet]);
});

type Claim = (on: TestMetastore, info: SegmentInfo) => SegmentInfo | Promise<SegmentInfo>;
const WRONG: readonly (readonly [string, Claim, string, RegExp])[] = [
  [
    "that does not exist",
    (on, info) => ({ ...info, segmentId: createSegmentId(on) }),
    "not-found",
    /do not exist.*upload the pages again/,
  ],
  [
    "that does not hold a page the commit takes",
    (_, info) => ({ ...info, pageSet: pageRange(3, 4) }),
    "invalid-argument",
    /does not hold page 4/,
  ],
  [
    "of another size than the commit says",
    (_, info) => ({ ...info, sizeBytes: (info.sizeBytes ?? 0) + 1 }),
    "invalid-argument",
    /bytes as the commit says/,
  ],
  [
    "of which no page is taken",
    (_, info) => ({ ...info, pageSet: pageRange(1, 0) }),
    "invalid-argument",
    /takes no page/,
  ],
  [
    "with pages of another size",
    async (on) =>
      (await upload(on, [{ ...one(1), data: new Uint8Array(1024) }], toPageSize(1024))).info,
    "invalid-argument",
    /pages of 1024 bytes, the commit of 512/,
  ],
  [
    "of another volume",
    (_, info) => ({ ...info, ownerVolumeId: stranger().volumeId }),
    "invalid-argument",
    /belongs to volume/,
  ],
  [
    "that lies under a wrong name",
    async (on, info) => {
      const segmentId = createSegmentId(on);
      const stored = await on.store.get(segmentKey(on.volumeId, info.segmentId));
      await on.store.put(segmentKey(on.volumeId, segmentId), stored?.bytes ?? []);
      return { ...info, segmentId };
    },
    "corrupt",
    /its footer is of segment/,
  ],
  [
    "that is damaged",
    async (on, info) => {
      const key = segmentKey(on.volumeId, info.segmentId);
      const bytes = (await on.store.get(key))?.bytes.slice() ?? new Uint8Array(1);
      bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
      await on.store.put(key, bytes);
      return info;
    },
    "corrupt",
    /segments\//,
  ],
];
test.each(WRONG)("a commit that names a segment %s is refused", async (_, claim, code, message) => {
  const on = createTestMetastore();
  const { info } = await upload(on, pages(3));
  const request = await commitOf(on, [await claim(on, info)]);
  const error = await failureOf(on.metastore.commit(request));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(message);
});

test("a commit that takes a page from two segments, or a segment twice, is refused", async () => {
  const on = createTestMetastore();
  const [one, two] = [await upload(on, pages(3)), await upload(on, pages(2))];
  for (const segments of [
    [one.info, two.info],
    [
      { ...one.info, pageSet: pageSetOf([1 as PageIndex]) },
      { ...one.info, pageSet: pageSetOf([2 as PageIndex]) },
    ],
  ]) {
    const error = await failureOf(on.metastore.commit(await commitOf(on, segments)));
    expect(error.code).toBe("invalid-argument");
  }
});

test("a segment older than 24 h is refused, unless the history below the base names it", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const on = createTestMetastore({ clock });
  const { info } = await upload(on, pages(3));
  clock.jumpWall(DAY_MS);
  await on.metastore.commit(await commitOf(on, [info]));
  const forgotten = await upload(on, pages(3, 9));
  clock.jumpWall(DAY_MS + 1000);
  const late = await commitOf(on, [forgotten.info], { baseLsn: FIRST });
  const error = await failureOf(on.metastore.commit(late));
  expect(error.code).toBe("not-found");
  expect(error.message).toMatch(new RegExp(`older than 24 h.*${forgotten.info.segmentId}`));
  const again = await commitOf(on, [info], { baseLsn: FIRST });
  expect((await on.metastore.commit(again)).snapshot.lsn).toBe(2n);
});

test("a segment older than 24 h is judged by the map at the base, not by what a node remembers", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const on = createTestMetastore({ clock });
  const { info } = await upload(on, pages(3));
  const gone = await upload(on, [one(9)]);
  await on.metastore.commit(await commitOf(on, [info, gone.info]));
  // A later commit takes the page of the second segment: the map at its LSN needs that no more.
  const pageCount = toPageCount(1000);
  const over = { pageSize: PAGE_SIZE, pageCount, lowPageCount: pageCount };
  await on.metastore.commit(await inlineCommitOf(on, FIRST, [one(9)], over));
  await on[Symbol.asyncDispose]();
  clock.jumpWall(2 * DAY_MS);
  // Another node, which has seen nothing of the log.
  const cold = { ...on, ...createTestMetastore({ clock, store: on.store }), volumeId: on.volumeId };
  const again = await commitOf(on, [info], { baseLsn: toLsn(2n) });
  expect((await cold.metastore.commit(again)).snapshot.lsn).toBe(3n);
  const late = await commitOf(on, [gone.info], { baseLsn: toLsn(3n) });
  expect((await failureOf(cold.metastore.commit(late))).code).toBe("not-found");
});

test("a segment costs at most two requests, and a commit sent again none", async () => {
  const metered = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
  const on = createTestMetastore({ store: metered });
  // Scattered pages make a set, and so a footer, that is larger than the first read.
  const sparse = Array.from({ length: 6000 }, (_, at) => one(1 + at * 300));
  const large = await upload(on, sparse);
  const small = await upload(on, [one(2)]);
  const gets = () => metered.meter.snapshot().get.requests;
  const pageCount = toPageCount(2_000_000);
  const counts = { pageCount, lowPageCount: pageCount };
  const request = await commitOf(on, [large.info, small.info], counts);
  const wrong = { ...request, pageCount: toPageCount(5), lowPageCount: toPageCount(5) };
  const before = gets();
  await failureOf(on.metastore.commit(wrong));
  expect(gets() - before).toBe(3);
  const between = gets();
  await on.metastore.commit(request);
  expect(gets()).toBe(between);
});

test("many segments are read 16 at a time", async () => {
  const inner = new MemoryObjectStore();
  const on = createTestMetastore({ store: inner });
  const infos: SegmentInfo[] = [];
  for (let at = 1; at <= 40; at++) infos.push((await upload(on, [one(at)])).info);
  let active = 0;
  let busiest = 0;
  const get = inner.get.bind(inner);
  inner.get = async (key, options) => {
    busiest = Math.max(busiest, ++active);
    await new Promise((resolve) => setImmediate(resolve));
    active--;
    return await get(key, options);
  };
  await on.metastore.commit(await commitOf(on, infos));
  expect(busiest).toBe(16);
});

function one(index: number): Page {
  return { index: toPageIndex(index), data: new Uint8Array(512).fill(index % 251) };
}
function stranger(): TestMetastore {
  return createTestMetastore({ clock: new SimulatedClock({ startMs: 5 }) });
}
