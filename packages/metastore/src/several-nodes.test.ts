import { type Lsn, type Page, toLsn, toPageIndex } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { encodeHeadHint, headKey, logKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore, type ObjectStore } from "@graft/object-store";
import type { WatchEvent } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { FreshFlights } from "./fresh-flights.ts";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "./testing/test-metastore.ts";

/** Two nodes over one store; the second one's requests are counted. */
function setUp(notify: "none" | "probe" = "probe") {
  const objects = new MemoryObjectStore();
  const clock = new SimulatedClock({ mode: "auto" });
  const a = createTestMetastore({ store: objects, clock, notify });
  const metered = new MeteredObjectStore(objects, clock);
  const b = createTestMetastore({ store: metered, clock, notify });
  const latest = async (on: TestMetastore = b): Promise<Lsn> =>
    (await on.metastore.getSnapshot(a.volumeId, undefined)).snapshot.lsn;
  return { a, b, objects, clock, latest, meter: metered.meter };
}

const page = (index: number, fill: number): Page => ({
  index: toPageIndex(index),
  data: new Uint8Array(4096).fill(fill),
});

/** Commits of one page each at LSNs from … to, through one node, to the first node's volume. */
async function commit(on: TestMetastore, like: TestMetastore, from: number, to = from) {
  const { volumeId } = like;
  for (let lsn = from; lsn <= to; lsn++) {
    const base = lsn === 1 ? undefined : toLsn(BigInt(lsn - 1));
    await on.metastore.commit(await inlineCommitOf({ ...on, volumeId }, base, [page(1, lsn)]));
  }
}

describe("two nodes over one store, with --notify probe:", () => {
  test("what one committed the other answers at once, for one request", async () => {
    const { a, b, latest, meter } = setUp();
    await commit(a, a, 1, 3);
    expect(await latest()).toBe(3n);
    for (let lsn = 4; lsn <= 8; lsn++) {
      await commit(lsn % 2 === 0 ? a : b, a, lsn);
      expect(await latest(a)).toBe(BigInt(lsn));
      expect(await latest(b)).toBe(BigInt(lsn));
    }
    const before = meter.requestCount;
    await latest();
    await latest();
    expect(meter.requestCount - before).toBe(2);
    await commit(a, a, 9);
    await latest();
    // The record, and that there is none two above it, nor between.
    expect(meter.requestCount - before).toBe(5);
    expect(meter.snapshot().list.requests).toBe(0);
  });

  test("an LSN that is known costs no request", async () => {
    const { a, b, latest, meter } = setUp();
    await commit(a, a, 1, 3);
    await latest();
    const before = meter.requestCount;
    const { snapshot } = await b.metastore.getSnapshot(a.volumeId, toLsn(3n));
    expect(snapshot.lsn).toBe(3n);
    expect(meter.requestCount).toBe(before);
  });

  test("a commit through the one on the other's head lands, and a stale one is rejected", async () => {
    const { a, b, latest } = setUp();
    await commit(a, a, 1, 3);
    await latest();
    await commit(a, a, 4, 6);
    await commit(b, a, 7);
    await expect(commit(a, a, 7)).rejects.toMatchObject({ code: "rejected" });
    expect(await latest(a)).toBe(7n);
  });

  test.each([0, 1, 7, 100])("a head hint that is %d behind is enough", async (behind) => {
    const { a, latest, meter } = setUp();
    await commit(a, a, 1, 120);
    await a.whenCheckpointed();
    await a[Symbol.asyncDispose]();
    await a.store.put(headKey(a.volumeId), encodeHeadHint(toLsn(BigInt(120 - behind))));
    expect(await latest()).toBe(120n);
    expect(meter.requestCount).toBeLessThanOrEqual(3 + 2 * Math.ceil(Math.log2(behind + 1)));
  });

  test("without it the other node would not notice", async () => {
    const { a, latest } = setUp("none");
    await commit(a, a, 1, 3);
    expect(await latest()).toBe(3n);
    await commit(a, a, 4);
    expect(await latest()).toBe(3n);
  });
});

describe("an answer is never older than its question:", () => {
  test("who asks while the store is looking is not given what it saw before", async () => {
    const gate = new GatedStore();
    const clock = new SimulatedClock({ mode: "auto" });
    const a = createTestMetastore({ store: gate.objects, clock, notify: "probe" });
    const b = createTestMetastore({ store: gate, clock, notify: "probe" });
    await commit(a, a, 1);
    const ask = async (): Promise<Lsn> =>
      (await b.metastore.getSnapshot(a.volumeId, undefined)).snapshot.lsn;
    expect(await ask()).toBe(1n);
    // The store has looked, and found nothing at LSN 2; its answer is on its way.
    const { seen, release } = gate.hold(logKey(a.volumeId, toLsn(2n)));
    const early = ask();
    await seen;
    await commit(a, a, 2);
    // The commit is acknowledged. Whoever asks from here on sees it.
    const late = ask();
    release();
    expect(await early).toBe(1n);
    expect(await late).toBe(2n);
  });

  test("a look that the store never answers ends, and whoever asks next looks again", async () => {
    const gate = new GatedStore();
    const clock = new SimulatedClock({ mode: "auto" });
    const a = createTestMetastore({ store: gate.objects, clock, notify: "probe" });
    const b = createTestMetastore({ store: gate, clock, notify: "probe" });
    await commit(a, a, 1);
    const ask = (): Promise<unknown> => b.metastore.getSnapshot(a.volumeId, undefined);
    await ask();
    gate.hold(logKey(a.volumeId, toLsn(2n)));
    await expect(ask()).rejects.toMatchObject({ code: "unavailable" });
    expect(await ask()).toMatchObject({ snapshot: { lsn: 1n } });
  });

  test("a crowd that asks at once takes two looks, not a thousand", async () => {
    const { a, latest, meter } = setUp();
    await commit(a, a, 1);
    await latest();
    const before = meter.requestCount;
    await Promise.all(Array.from({ length: 1000 }, () => latest()));
    expect(meter.requestCount - before).toBeLessThanOrEqual(2);
  });

  test("a look that fails fails those who waited for it, and the next one looks again", async () => {
    const flights = new FreshFlights<string, number>();
    const answers = [Promise.reject(new Error("no")), Promise.resolve(2), Promise.resolve(3)];
    answers[0]?.catch(() => undefined);
    const look = (): Promise<number> => answers.shift() ?? Promise.resolve(0);
    const first = flights.run("k", look);
    const others = [flights.run("k", look), flights.run("k", look)];
    await expect(first).rejects.toThrow("no");
    expect(await Promise.all(others)).toEqual([2, 2]);
    expect(await flights.run("k", look)).toBe(3);
  });
});

describe("a watched volume", () => {
  test("is told of what another node committed, with its pages", async () => {
    const { a, b, clock } = setUp();
    await commit(a, a, 1);
    const events = watch(b, a);
    await events.until((event) => event.kind === "news" && event.snapshot.lsn === 1n);
    await commit(a, a, 2, 3);
    const startMs = clock.monotonicMs();
    const news = await events.until((event) => event.kind === "news" && event.snapshot.lsn === 3n);
    expect(clock.monotonicMs() - startMs).toBeLessThan(12_500);
    expect(news).toMatchObject({ fromLsn: 1n });
    events.stop();
  });

  test("costs one request in ten seconds while nothing changes, and none once it is left", async () => {
    const clock = new SimulatedClock();
    const metered = new MeteredObjectStore(new MemoryObjectStore(), clock);
    const on = createTestMetastore({ store: metered, clock, notify: "probe" });
    const events = watch(on, on);
    await clock.advance(60_000);
    const before = metered.meter.requestCount;
    for (let second = 0; second < 3600; second++) await clock.advance(1000);
    // A volume without commits has no hint either: two look-ups.
    expect((metered.meter.requestCount - before) / 2).toBeGreaterThan(3600 / 12.5 - 1);
    expect((metered.meter.requestCount - before) / 2).toBeLessThan(3600 / 7.5 + 1);
    events.stop();
    await clock.advance(20_000);
    const left = metered.meter.requestCount;
    for (let second = 0; second < 600; second++) await clock.advance(1000);
    expect(metered.meter.requestCount).toBe(left);
  });
});

/** The events of one volume, read as they come. */
function watch(on: TestMetastore, { volumeId }: Pick<TestMetastore, "volumeId">) {
  const leave = new AbortController();
  const request = { volumes: [{ volumeId }], heartbeatMs: 30_000, omitPages: false };
  const events = on.metastore.watch(request, leave.signal)[Symbol.asyncIterator]();
  const seen: WatchEvent[] = [];
  const read = async (): Promise<void> => {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      seen.push(next.value);
    }
  };
  const reading = read().catch(() => undefined);
  return {
    async until(isIt: (event: WatchEvent) => boolean): Promise<WatchEvent> {
      for (let turn = 0; turn < 10_000; turn++) {
        const found = seen.find(isIt);
        if (found !== undefined) return found;
        await on.clock.sleep(5);
      }
      throw new Error(`no such event among ${seen.length}`);
    },
    stop(): void {
      leave.abort();
      void reading;
    },
  };
}

/** Holds back one answer: the store has looked, and the one who asked does not know yet. */
class GatedStore extends MeteredObjectStore implements ObjectStore {
  readonly objects: MemoryObjectStore;
  #held:
    | { readonly key: string; readonly seen: () => void; readonly gate: Promise<void> }
    | undefined;

  constructor() {
    const objects = new MemoryObjectStore();
    super(objects, new SimulatedClock({ mode: "auto" }));
    this.objects = objects;
  }

  hold(key: string): { readonly seen: Promise<void>; readonly release: () => void } {
    const seen = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    this.#held = { key, seen: seen.resolve, gate: gate.promise };
    return { seen: seen.promise, release: gate.resolve };
  }

  override async get(
    ...[key, options]: Parameters<ObjectStore["get"]>
  ): ReturnType<ObjectStore["get"]> {
    const answer = await super.get(key, options);
    const held = this.#held;
    if (held?.key !== key) return answer;
    this.#held = undefined;
    held.seen();
    await held.gate;
    return answer;
  }
}
