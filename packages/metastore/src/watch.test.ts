import { MemoryVolumeCatalog } from "@graft/catalog";
import {
  createVolumeId,
  type Lsn,
  type Page,
  pageRange,
  toLsn,
  toPageCount,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import { decodeFrame, headKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import {
  fromWatchRequest,
  MetricsRegistry,
  toWatchEvent,
  type WatchEvent,
  type WatchRequest,
} from "@graft/rpc";
import { describe, expect, test } from "vitest";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

function page(index: number, byte = index): Page {
  return { index: toPageIndex(index), data: new Uint8Array(4096).fill(byte) };
}
function setUp(store = new MemoryObjectStore()): TestMetastore & { clock: SimulatedClock } {
  const clock = new SimulatedClock();
  return { ...createTestMetastore({ store, clock }), clock };
}
/** Commits a page on what is latest. */
async function commit(
  on: TestMetastore,
  pages: readonly Page[],
  change: Parameters<typeof inlineCommitOf>[3] = {},
): Promise<Lsn> {
  const base = await on.metastore
    .getSnapshot(on.volumeId, undefined)
    .then(({ snapshot }) => snapshot.lsn)
    .catch(() => undefined);
  const pageCount = toPageCount(100);
  const counts = { pageCount, lowPageCount: pageCount, ...change };
  const answer = await on.metastore.commit(await inlineCommitOf(on, base, pages, counts));
  return answer.snapshot.lsn;
}

/** A reader over the in-memory transport. */
class Reader {
  readonly #gone = new AbortController();
  readonly #events: AsyncIterator<unknown>;

  constructor(on: TestMetastore, request: Partial<WatchRequest> = {}) {
    const volumes = [{ volumeId: on.volumeId }];
    const all = { volumes, heartbeatMs: 15_000, omitPages: false, ...request };
    const messages = on.client.watch(fromWatchRequest(all), { signal: this.#gone.signal });
    this.#events = messages[Symbol.asyncIterator]();
  }

  async next(): Promise<WatchEvent> {
    const { value, done } = await this.#events.next();
    if (done === true) throw new Error("the stream has ended");
    const event = toWatchEvent(value as Parameters<typeof toWatchEvent>[0]);
    if (event === undefined) throw new Error("an unknown event");
    return event;
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.#events.next()).done === true;
  }

  async leave(): Promise<void> {
    const rest = this.#events.next().catch(() => undefined);
    this.#gone.abort();
    await rest;
    await settle();
  }
}

function newsOf(event: WatchEvent): Extract<WatchEvent, { kind: "news" }> {
  if (event.kind !== "news") throw new Error(`expected news, got ${event.kind}`);
  return event;
}

describe("a watched volume", () => {
  test("tells each commit with its pages, from exactly the LSN the reader has", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(1n) }] });
    expect(await reader.next()).toEqual({ kind: "heartbeat", draining: false });
    await commit(on, [page(2), page(3)]);
    const news = newsOf(await reader.next());
    expect(news).toMatchObject({ fromLsn: 1n, snapshot: { lsn: 2n, clientId: on.clientId } });
    expect(news.commitIds).toEqual([news.snapshot.commitId]);
    expect([...news.pageSet]).toEqual([2, 3]);
    const [frame] = news.inlineFrames;
    if (frame === undefined) throw new Error("the pages are missing");
    const context = { volumeId: on.volumeId, pageSize: news.snapshot.pageSize, objectName: "news" };
    const pages = await decodeFrame(frame, context, on.compute);
    expect(pages).toEqual([page(2), page(3)]);
    await reader.leave();
  });

  test("may have no commit yet: its first is told from nothing", async () => {
    const on = setUp();
    const reader = new Reader(on);
    expect((await reader.next()).kind).toBe("heartbeat");
    await commit(on, [page(1)]);
    const news = newsOf(await reader.next());
    expect(news.fromLsn).toBeUndefined();
    expect(news.snapshot.lsn).toBe(1n);
    await reader.leave();
  });

  test("is resumed from an LSN: what was missed comes first, folded, then a heartbeat", async () => {
    const on = setUp();
    for (let index = 1; index <= 5; index++) await commit(on, [page(index)]);
    const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(2n) }] });
    const news = newsOf(await reader.next());
    expect(news).toMatchObject({ fromLsn: 2n, snapshot: { lsn: 5n } });
    expect([...news.pageSet]).toEqual([3, 4, 5]);
    expect(news.commitIds).toHaveLength(3);
    expect(news.inlineFrames).toHaveLength(3);
    expect((await reader.next()).kind).toBe("heartbeat");
    await reader.leave();
  });

  test("folds what a slow reader missed, skips nothing, and drops what was cut off", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(1n) }] });
    await reader.next();
    await commit(on, [page(7)]);
    const shrink = { pageCount: toPageCount(4), lowPageCount: toPageCount(4) };
    await commit(on, [page(2, 9)], shrink);
    const regrow = { pageCount: toPageCount(8), lowPageCount: toPageCount(8) };
    await commit(on, [page(5)], regrow);
    await settle();
    const told: WatchEvent[] = [await reader.next()];
    while (newsOf(told.at(-1) as WatchEvent).snapshot.lsn < 4n) told.push(await reader.next());
    let from = 1n;
    for (const event of told.map(newsOf)) {
      expect(event.fromLsn).toBe(from);
      from = event.snapshot.lsn;
    }
    const last = newsOf(told.at(-1) as WatchEvent);
    expect(last.snapshot.pageCount).toBe(8);
    expect([...last.pageSet]).toEqual(expect.arrayContaining([5, 6, 7, 8]));
    expect(last.inlineFrames.flatMap((frame) => [...frame.pageSet])).not.toContain(7);
    await reader.leave();
  });

  test("too far behind is told to resync, and goes on from the head", async () => {
    const on = setUp();
    for (let index = 1; index <= 1026; index++) await commit(on, [page(1)]);
    const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(1n) }] });
    expect(await reader.next()).toEqual({ kind: "resync", volumeId: on.volumeId });
    await reader.next();
    await commit(on, [page(2)]);
    expect(newsOf(await reader.next())).toMatchObject({ fromLsn: 1026n });
    await reader.leave();
  });

  test("whose commits are no longer in memory is told to resync", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    await commit(on, [page(1)]);
    const cold = setUp(on.store as MemoryObjectStore);
    const volumes = [{ volumeId: on.volumeId, lsn: toLsn(1n) }];
    const reader = new Reader({ ...cold, volumeId: on.volumeId }, { volumes });
    expect((await reader.next()).kind).toBe("resync");
    await reader.leave();
  });

  test("of which the reader knows more than there is, is told to resync", async () => {
    const on = setUp();
    const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(9n) }] });
    expect((await reader.next()).kind).toBe("resync");
    await reader.leave();
  });

  test("of which the reader knows more than this node, is looked up in the store", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    const cold = setUp(on.store as MemoryObjectStore);
    await cold.metastore.getSnapshot(on.volumeId, undefined);
    await commit(on, [page(2)]);
    const volumes = [{ volumeId: on.volumeId, lsn: toLsn(2n) }];
    const reader = new Reader({ ...cold, volumeId: on.volumeId }, { volumes });
    expect((await reader.next()).kind).toBe("heartbeat");
    await reader.leave();
  });

  test("leaves pages out when it is asked to, or when they lie in a segment", async () => {
    const on = setUp();
    const reader = new Reader(on, { omitPages: true });
    await reader.next();
    await commit(on, [page(1)]);
    expect(newsOf(await reader.next()).inlineFrames).toEqual([]);
    await reader.leave();
  });

  test("tells pages of a fold only when each is whole: a page written twice is told once", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    await commit(on, [page(2, 20)]);
    await commit(on, [page(2, 21)]);
    const whole = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(1n) }] });
    expect(newsOf(await whole.next()).inlineFrames).toHaveLength(1);
    await whole.leave();
    await commit(on, [page(2, 22), page(3)]);
    await commit(on, [page(3, 30)]);
    const parts = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(3n) }] });
    const news = newsOf(await parts.next());
    expect([...news.pageSet]).toEqual([2, 3]);
    expect(news.inlineFrames).toEqual([]);
    await parts.leave();
  });
});

describe("a stream", () => {
  test("beats while nothing happens, and costs the object store nothing", async () => {
    const clock = new SimulatedClock();
    const metered = new MeteredObjectStore(new MemoryObjectStore(), clock);
    const on = { ...createTestMetastore({ store: metered, clock }), clock };
    const reader = new Reader(on, { heartbeatMs: 2000 });
    await reader.next();
    const before = metered.meter.requestCount;
    for (let beat = 0; beat < 5; beat++) {
      const next = reader.next();
      await clock.advance(1999);
      await clock.advance(1);
      expect((await next).kind).toBe("heartbeat");
    }
    expect(metered.meter.requestCount).toBe(before);
    await reader.leave();
  });

  test("watches many volumes, each told alone; a busy one starves none", async () => {
    const on = setUp();
    const quiet = createVolumeId(on);
    const volumes = [{ volumeId: on.volumeId }, { volumeId: quiet }];
    const reader = new Reader(on, { volumes });
    await reader.next();
    for (let at = 0; at < 5; at++) await commit(on, [page(1)]);
    await commit({ ...on, volumeId: quiet }, [page(1)]);
    const told = [newsOf(await reader.next()), newsOf(await reader.next())];
    const names = new Set<VolumeId>(told.map((news) => news.snapshot.volumeId));
    if (!names.has(quiet)) names.add(newsOf(await reader.next()).snapshot.volumeId);
    expect(names).toEqual(new Set([on.volumeId, quiet]));
    await reader.leave();
  });

  test("whose reader left keeps nothing behind", async () => {
    const metrics = new MetricsRegistry();
    const clock = new SimulatedClock();
    const on = { ...createTestMetastore({ clock, metrics }), clock };
    const readers = Array.from({ length: 5 }, () => new Reader(on));
    for (const reader of readers) await reader.next();
    expect(metrics.render()).toContain("graft_watch_streams 5\n");
    for (const reader of readers) await reader.leave();
    expect(metrics.render()).toContain("graft_watch_streams 0\n");
    expect(metrics.render()).toContain("graft_watch_volumes 0\n");
    expect(on.clock.sleeperCount).toBe(0);
    await commit(on, [page(1)]);
  });

  test("ends with a word of farewell when the server drains", async () => {
    const on = setUp();
    const reader = new Reader(on);
    await reader.next();
    const last = reader.next();
    await settle();
    on.drain();
    expect(await last).toEqual({ kind: "heartbeat", draining: true });
    expect(await reader.isAtEnd()).toBe(true);
    const late = new Reader(on);
    expect(await late.next()).toEqual({ kind: "heartbeat", draining: true });
  });

  test("ends a volume whose head cannot be found, and goes on with the others", async () => {
    const clock = new SimulatedClock();
    const faulty = new FaultyObjectStore(new MemoryObjectStore(), [], new SeededRandom(1), clock);
    const on = { ...createTestMetastore({ store: faulty, clock }), clock };
    const broken = createVolumeId(on);
    faulty.setRules({ fault: { kind: "unavailable" }, prefix: headKey(broken) });
    const volumes = [{ volumeId: broken }, { volumeId: on.volumeId }];
    const reader = new Reader(on, { volumes });
    const end = await reader.next();
    expect(end).toMatchObject({ kind: "end", volumeId: broken, code: "unavailable" });
    expect((await reader.next()).kind).toBe("heartbeat");
    await commit(on, [page(1)]);
    expect(newsOf(await reader.next()).snapshot.volumeId).toBe(on.volumeId);
    await reader.leave();
  });

  test("tells every reader of any order of commits the same final state", async () => {
    const random = new SeededRandom(42);
    const on = setUp();
    const seen = pageRange(1, 0);
    const reader = new Reader(on);
    await reader.next();
    let head = 0n;
    const watching = (async () => {
      let at: Lsn | undefined;
      while (at === undefined || at < 60n) {
        const event = await reader.next();
        if (event.kind !== "news") continue;
        expect(event.fromLsn).toBe(at);
        at = event.snapshot.lsn;
        for (const index of event.pageSet) seen.insert(index);
      }
      head = at;
    })();
    const written = new Set<number>();
    for (let at = 0; at < 60; at++) {
      const index = random.integer(1, 100);
      written.add(index);
      await commit(on, [page(index)]);
      if (random.chance(0.3)) await settle();
    }
    await watching;
    expect(head).toBe(60n);
    expect([...seen]).toEqual([...written].sort((a, b) => a - b));
    await reader.leave();
  });
});

describe("a long-poll", () => {
  const lsn = toLsn(1n);

  test("is over at once when there is news, which a heartbeat ends", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    await commit(on, [page(2)]);
    const volumes = [{ volumeId: on.volumeId, lsn }];
    const reader = new Reader(on, { volumes, waitMs: 20_000 });
    expect(newsOf(await reader.next())).toMatchObject({ fromLsn: 1n, snapshot: { lsn: 2n } });
    expect(await reader.next()).toEqual({ kind: "heartbeat", draining: false });
    expect(await reader.isAtEnd()).toBe(true);
  });

  test("waits for the first news", async () => {
    const on = setUp();
    await commit(on, [page(1)]);
    const volumes = [{ volumeId: on.volumeId, lsn }];
    const reader = new Reader(on, { volumes, waitMs: 20_000, heartbeatMs: 1000 });
    const next = reader.next();
    await on.clock.advance(19_000);
    await commit(on, [page(2)]);
    expect(newsOf(await next).snapshot.lsn).toBe(2n);
    expect((await reader.next()).kind).toBe("heartbeat");
    expect(await reader.isAtEnd()).toBe(true);
  });

  test("ends with a heartbeat when it has waited in vain", async () => {
    const on = setUp();
    const reader = new Reader(on, { waitMs: 20_000, heartbeatMs: 1000 });
    const next = reader.next();
    let isAnswered = false;
    void next.then(() => {
      isAnswered = true;
    });
    await on.clock.advance(19_999);
    expect(isAnswered).toBe(false);
    await on.clock.advance(1);
    expect((await next).kind).toBe("heartbeat");
    expect(await reader.isAtEnd()).toBe(true);
    expect(on.clock.sleeperCount).toBe(0);
  });
});

test("the catalog may forget a volume at any time: its readers resync", async () => {
  const catalog = new MemoryVolumeCatalog();
  const clock = new SimulatedClock();
  const on = { ...createTestMetastore({ catalog, clock }), clock };
  await commit(on, [page(1)]);
  const reader = new Reader(on, { volumes: [{ volumeId: on.volumeId, lsn: toLsn(1n) }] });
  await reader.next();
  await commit(on, [page(2)]);
  catalog.forget(on.volumeId);
  const event = await reader.next();
  expect(["news", "resync"]).toContain(event.kind);
  await reader.leave();
});
