import { MemoryVolumeCatalog } from "@graft/catalog";
import {
  createClientId,
  createCommitId,
  type GraftError,
  type Lsn,
  type Page,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { decodeCommitRecord, logKey, volumeKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { type CommitAnswer, type CommitRequest, saysNothingWritten } from "@graft/rpc";
import { expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

const FIRST = toLsn(1n);
function page(index: number, byte: number, size = 4096): Page {
  return { index: toPageIndex(index), data: new Uint8Array(size).fill(byte) };
}
async function failureOf(call: Promise<unknown>): Promise<GraftError> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(Error);
  return error as GraftError;
}
async function send(on: TestMetastore, request: CommitRequest): Promise<CommitAnswer> {
  return await on.metastore.commit(request);
}
/** Commits of one page each; answers the last LSN. */
async function fill(on: TestMetastore, count: number): Promise<Lsn> {
  let base: Lsn | undefined;
  for (let at = 1; at <= count; at++) {
    const answer = await send(on, await inlineCommitOf(on, base, [page(at, at)]));
    base = answer.snapshot.lsn;
  }
  return base as Lsn;
}

test("the first commit makes the volume, and each commit names its parent's stored bytes", async () => {
  const on = createTestMetastore();
  const first = await send(on, await inlineCommitOf(on, undefined, [page(1, 1)]));
  expect(first).toMatchObject({ replayed: false, snapshot: { lsn: 1n, pageCount: 1 } });
  const second = await send(on, await inlineCommitOf(on, FIRST, [page(2, 2)]));
  expect(second.snapshot.lsn).toBe(2n);
  expect(await on.store.head(volumeKey(on.volumeId))).toBeDefined();
  const stored = await on.store.get(logKey(on.volumeId, toLsn(1n)));
  const next = await on.store.get(logKey(on.volumeId, toLsn(2n)));
  const record = decodeCommitRecord(next?.bytes ?? new Uint8Array(0), on.compute, {
    objectName: "2",
  });
  expect(record.parentHash).toEqual(on.compute.sha256(stored?.bytes ?? new Uint8Array(0)));
});

test("a commit replayed by the same client returns the first snapshot", async () => {
  const on = createTestMetastore();
  const request = await inlineCommitOf(on, undefined, [page(1, 1)]);
  const first = await send(on, request);
  await (on.clock as SimulatedClock).advance(5000);
  const again = await send(on, request);
  expect(again).toEqual({ snapshot: first.snapshot, replayed: true });
  await send(on, await inlineCommitOf(on, FIRST, [page(1, 2)]));
  expect(await send(on, request)).toEqual({ snapshot: first.snapshot, replayed: true });
});

test("a commit replayed to a node that knows nothing returns the first snapshot", async () => {
  const on = createTestMetastore();
  await fill(on, 3);
  const request = await inlineCommitOf(on, toLsn(3n), [page(1, 9)]);
  const first = await send(on, request);
  const clock = new SimulatedClock({ startMs: on.clock.nowMs() + 5000, mode: "auto" });
  const other = createTestMetastore({ store: on.store, clock });
  expect(await send(other, request)).toEqual({ snapshot: first.snapshot, replayed: true });
});

type Wrong = (request: CommitRequest, on: TestMetastore) => Partial<CommitRequest>;
const FIVE_WRONG_REPLAYS: readonly (readonly [string, Wrong])[] = [
  ["under another commit id", (_, on) => ({ commitId: createCommitId(on.random) })],
  [
    "by another client, under another commit id",
    (_, on) => ({ clientId: createClientId(on), commitId: createCommitId(on.random) }),
  ],
  [
    "with other pages, under another commit id",
    (_, on) => ({
      commitId: createCommitId(on.random),
      inlineFrames: [],
      pageCount: toPageCount(9),
    }),
  ],
  [
    "with another page count, under another commit id",
    (_, on) => ({ commitId: createCommitId(on.random), pageCount: toPageCount(7) }),
  ],
  ["with its commit id left out", () => ({ commitId: undefined }) as never],
];
test.each(FIVE_WRONG_REPLAYS)("a commit sent again %s is rejected", async (_how, wrong) => {
  const on = createTestMetastore();
  const request = await inlineCommitOf(on, undefined, [page(1, 1)]);
  await send(on, request);
  const changed = { ...request, ...wrong(request, on) };
  const error = await failureOf(send(on, changed));
  expect(error.code).toBe("rejected");
  expect(saysNothingWritten(error)).toBe(true);
});

test("of any number of racers on one base exactly one wins, on one node and on many", async () => {
  const store = new MemoryObjectStore();
  const nodes = [1, 2, 3].map((seed) =>
    createTestMetastore({ store, random: new SeededRandom(seed) }),
  );
  const [first] = nodes;
  if (first === undefined) return;
  let base: Lsn | undefined;
  for (let round = 0; round < 10; round++) {
    const racers = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => {
        const node = nodes[at % nodes.length] ?? first;
        const own = { ...node, volumeId: first.volumeId, clientId: createClientId(node) };
        return { node, request: await inlineCommitOf(own, base, [page(1, at)]) };
      }),
    );
    const outcomes = await Promise.allSettled(
      racers.map(({ node, request }) => send(node, request)),
    );
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason.code).toBe("rejected");
    }
    base = won[0]?.value.snapshot.lsn;
    expect(base).toBe(BigInt(round + 1));
  }
});

test("a commit sent twice at once is one commit", async () => {
  const on = createTestMetastore();
  const request = await inlineCommitOf(on, undefined, [page(1, 1)]);
  const [one, two] = await Promise.all([send(on, request), send(on, request)]);
  expect(one?.snapshot).toEqual(two?.snapshot);
  expect((await on.metastore.getSnapshot(on.volumeId, undefined)).snapshot.lsn).toBe(1n);
});

test("a stale base is rejected, a base that does not exist is not found, without a PUT", async () => {
  const metered = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
  const on = createTestMetastore({ store: metered });
  await fill(on, 3);
  const creates = () => metered.meter.snapshot().create.requests;
  const before = creates();
  const stale = await failureOf(send(on, await inlineCommitOf(on, toLsn(1n), [page(1, 9)])));
  expect(stale.code).toBe("rejected");
  const future = await failureOf(send(on, await inlineCommitOf(on, toLsn(9n), [page(1, 9)])));
  expect(future).toMatchObject({ code: "not-found", details: { missing: "base" } });
  const unknown = await inlineCommitOf({ ...on, volumeId: other(on) }, toLsn(1n), [page(1, 9)]);
  expect((await failureOf(send(on, unknown))).code).toBe("not-found");
  for (const error of [stale, future]) expect(saysNothingWritten(error)).toBe(true);
  expect(creates()).toBe(before);
});

test("a base above what this node knows is read from the log, and committed upon", async () => {
  const on = createTestMetastore();
  await fill(on, 2);
  const other = createTestMetastore({ store: on.store });
  let base = toLsn(2n);
  for (let at = 3; at <= 6; at++) {
    const request = await inlineCommitOf({ ...on, random: other.random }, base, [page(at, at)]);
    base = (await send(other, { ...request, commitId: createCommitId(other.random) })).snapshot.lsn;
  }
  const answer = await send(on, await inlineCommitOf(on, base, [page(7, 7)]));
  expect(answer.snapshot.lsn).toBe(7n);
  const { changes } = await on.metastore.pullGraft(on.volumeId, { start: FIRST });
  expect(changes?.pageSet.cardinality).toBe(7);
});

test("time goes forward along the log, though the clock goes back", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const on = createTestMetastore({ clock });
  const first = await send(on, await inlineCommitOf(on, undefined, [page(1, 1)]));
  clock.jumpWall(-3_600_000);
  const second = await send(on, await inlineCommitOf(on, FIRST, [page(1, 2)]));
  expect(second.snapshot.timestampMs).toBe(first.snapshot.timestampMs);
  clock.jumpWall(7_200_000);
  const third = await send(on, await inlineCommitOf(on, toLsn(2n), [page(1, 3)]));
  expect(third.snapshot.timestampMs).toBeGreaterThan(second.snapshot.timestampMs);
});

test("a node whose clock is more than ten minutes from the store's does not commit", async () => {
  const clock = new SimulatedClock({ mode: "auto" });
  const store = new MemoryObjectStore();
  let storeMs = clock.nowMs() + 599_000;
  store.serverTimeMs = () => storeMs;
  const on = createTestMetastore({ clock, store });
  await send(on, await inlineCommitOf(on, undefined, [page(1, 1)]));
  storeMs = clock.nowMs() + 601_000;
  const error = await failureOf(send(on, await inlineCommitOf(on, FIRST, [page(1, 2)])));
  expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("clock") });
  expect(saysNothingWritten(error)).toBe(true);
});

test("a page size is fixed by the first commit, or by CreateVolume", async () => {
  const on = createTestMetastore();
  const small = toPageSize(1024);
  const answer = await on.metastore.createVolume(on.volumeId, small);
  expect(answer).toEqual({ pageSize: 1024, created: true });
  expect((await on.metastore.createVolume(on.volumeId, small)).created).toBe(false);
  const wrong = on.metastore.createVolume(on.volumeId, toPageSize(2048));
  expect((await failureOf(wrong)).message).toMatch(/1024 bytes, the request has pages of 2048/);
  const first = await failureOf(send(on, await inlineCommitOf(on, undefined, [page(1, 1)])));
  expect(first.message).toMatch(/1024 bytes, the request has pages of 4096/);
  const right = await inlineCommitOf(on, undefined, [page(1, 1, 1024)], { pageSize: small });
  await send(on, right);
  const later = await failureOf(send(on, await inlineCommitOf(on, FIRST, [page(1, 1)])));
  expect(later).toMatchObject({ code: "invalid-argument" });
  expect(later.message).toMatch(/1024 bytes, the request has pages of 4096/);
});

type Spoil = (request: CommitRequest) => Partial<CommitRequest>;
const SPOILT: readonly (readonly [string, Spoil, RegExp])[] = [
  ["a frame whose content is another", (r) => ({ inlineFrames: [flip(r)] }), /frame/],
  [
    "pages in another place",
    (r) => ({ inlineFrames: [moved(r)], pageCount: toPageCount(3) }),
    /hash does not match/,
  ],
  [
    "a page above the page count",
    () => ({ pageCount: toPageCount(1), lowPageCount: toPageCount(1) }),
    /page count/,
  ],
  ["a page twice", (r) => ({ inlineFrames: [...r.inlineFrames, ...r.inlineFrames] }), /page 1/],
];
test.each(SPOILT)(
  "a commit with %s is refused, and nothing is written",
  async (_, spoil, message) => {
    const on = createTestMetastore();
    await send(on, await inlineCommitOf(on, undefined, [page(1, 1)]));
    const request = await inlineCommitOf(on, FIRST, [page(1, 2), page(2, 2)]);
    const error = await failureOf(send(on, { ...request, ...spoil(request) }));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toMatch(message);
    expect(saysNothingWritten(error)).toBe(true);
    expect(await on.store.head(logKey(on.volumeId, toLsn(2n)))).toBeUndefined();
  },
);

test("inline pages over 128 KiB are refused before they are unpacked", async () => {
  const on = createTestMetastore();
  const pages = Array.from({ length: 33 }, (_, at) => page(at + 1, 1));
  const error = await failureOf(send(on, await inlineCommitOf(on, undefined, pages)));
  expect(error).toMatchObject({ code: "invalid-argument", details: { actual: 33 * 4096 } });
});

test("a commit without pages that only changes the page count is a commit", async () => {
  const on = createTestMetastore();
  await send(on, await inlineCommitOf(on, undefined, [page(5, 1)]));
  const shrink = { pageCount: toPageCount(2), lowPageCount: toPageCount(2) };
  await send(on, await inlineCommitOf(on, FIRST, [], shrink));
  const grown = { pageCount: toPageCount(6), lowPageCount: toPageCount(6) };
  await send(on, await inlineCommitOf(on, toLsn(2n), [], grown));
  const { changes } = await on.metastore.pullGraft(on.volumeId, { start: toLsn(2n) });
  expect([...(changes?.pageSet ?? [])]).toEqual([3, 4, 5, 6]);
});

test("a commit goes through when every cache was deleted in between", async () => {
  const store = new MemoryObjectStore();
  const first = createTestMetastore({ store });
  await fill(first, 4);
  const after = createTestMetastore({ store, catalog: new MemoryVolumeCatalog() });
  const answer = await send(after, await inlineCommitOf(first, toLsn(4n), [page(1, 7)]));
  expect(answer.snapshot.lsn).toBe(5n);
});

test("a small commit on a known head is one request to the store", async () => {
  const metered = new MeteredObjectStore(new MemoryObjectStore(), new SimulatedClock());
  const clock = new SimulatedClock();
  const on = createTestMetastore({ store: metered, clock });
  const base = await fill(on, 2);
  const before = metered.meter.requestCount;
  await send(on, await inlineCommitOf(on, base, [page(1, 7)]));
  expect(metered.meter.requestCount - before).toBe(1);
});

function other(on: TestMetastore): TestMetastore["volumeId"] {
  return createTestMetastore({ random: new SeededRandom(77), clock: on.clock }).volumeId;
}
function flip(request: CommitRequest): CommitRequest["inlineFrames"][number] {
  const [frame] = request.inlineFrames;
  if (frame === undefined) throw new Error("there is a frame");
  return { ...frame, hash: frame.hash.map((byte) => byte ^ 1) };
}
function moved(request: CommitRequest): CommitRequest["inlineFrames"][number] {
  const [frame] = request.inlineFrames;
  if (frame === undefined) throw new Error("there is a frame");
  return { ...frame, pageSet: pageSetOf([toPageIndex(1), toPageIndex(3)].map(toPageIndex)) };
}

test("a volume does not grow beyond what it may have; one that is larger may shrink", async () => {
  const store = new MemoryObjectStore();
  const free = createTestMetastore({ store });
  const sized = async (base: Lsn | undefined, pageCount: number) => ({
    ...(await inlineCommitOf(free, base, [page(1, pageCount)])),
    pageCount: toPageCount(pageCount),
  });
  const large = await sized(undefined, 9);
  await send(free, large);
  const on = createTestMetastore({ store, volumeBytesMax: 5 * 4096 });
  // What was committed stays committed, whoever asks.
  expect(await send(on, large)).toMatchObject({ replayed: true });
  const error = await failureOf(send(on, await sized(FIRST, 10)));
  expect(error.code).toBe("resource-exhausted");
  const facts = { limit: "volume-bytes", limitBytes: 20_480, sizeBytes: 40_960 };
  expect(error.details).toMatchObject(facts);
  expect(saysNothingWritten(error)).toBe(true);
  await send(on, await sized(FIRST, 8));
  await send(on, await sized(toLsn(2n), 5));
  expect((await failureOf(send(on, await sized(toLsn(3n), 6)))).code).toBe("resource-exhausted");
  expect((await send(on, await sized(toLsn(3n), 5))).snapshot.lsn).toBe(4n);
});
