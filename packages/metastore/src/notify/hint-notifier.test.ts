import {
  createVolumeId,
  GraftError,
  type Lsn,
  type Page,
  toLsn,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock, settle } from "@graft/core/testing";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { MetricsRegistry, type WatchEvent } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { MemoryHintNetwork } from "../testing/memory-hint-bus.ts";
import {
  createTestMetastore,
  inlineCommitOf,
  type TestMetastore,
} from "../testing/test-metastore.ts";
import { SILENCE_MS } from "./hint-peers.ts";

/** Two nodes over one store that share a bus; the second one's requests are counted. */
async function setUp() {
  const objects = new MemoryObjectStore();
  const clock = new SimulatedClock();
  const network = new MemoryHintNetwork();
  const [busA, busB] = [network.open(), network.open()];
  const metrics = new MetricsRegistry();
  const metered = new MeteredObjectStore(objects, clock);
  const a = createTestMetastore({ store: objects, clock, notify: busA });
  const random = new SeededRandom(2);
  const b = createTestMetastore({ store: metered, clock, random, notify: busB, metrics });
  const { meter } = metered;
  await commit(a, a.volumeId, 1);
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second++) await clock.advance(1000);
  };
  // Each has heard of the other.
  await seconds(6);
  return { a, b, busA, busB, network, clock, meter, metrics, seconds };
}

const page = (index: number, fill: number): Page => ({
  index: toPageIndex(index),
  data: new Uint8Array(4096).fill(fill),
});

/** Commits of one page each at LSNs from … to. */
async function commit(on: TestMetastore, volumeId: VolumeId, from: number, to = from) {
  for (let lsn = from; lsn <= to; lsn++) {
    const base = lsn === 1 ? undefined : toLsn(BigInt(lsn - 1));
    await on.metastore.commit(await inlineCommitOf({ ...on, volumeId }, base, [page(1, lsn)]));
  }
}

/** What a watcher of a volume is told, from its first heartbeat on. */
async function watch(on: TestMetastore, volumeId: VolumeId, lsn?: Lsn) {
  const leave = new AbortController();
  const volumes = [lsn === undefined ? { volumeId } : { volumeId, lsn }];
  const request = { volumes, heartbeatMs: 60_000, omitPages: false };
  const told: Exclude<WatchEvent, { kind: "heartbeat" }>[] = [];
  const read = async (): Promise<void> => {
    for await (const event of on.metastore.watch(request, leave.signal)) {
      if (event.kind !== "heartbeat") told.push(event);
    }
  };
  const reading = read().catch(() => undefined);
  await settle();
  return {
    told,
    async stop(): Promise<void> {
      leave.abort();
      await reading;
    },
  };
}

describe("a node that is told of another one's commit", () => {
  test("tells who watches at once, with the pages, for one request", async () => {
    const { a, b, meter } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    const before = meter.requestCount;
    await commit(a, a.volumeId, 2);
    await settle();
    expect(told).toMatchObject([{ kind: "news", fromLsn: 1n, snapshot: { lsn: 2n } }]);
    expect(told[0]).toMatchObject({ inlineFrames: [expect.anything()] });
    expect(meter.requestCount - before).toBe(1);
    await stop();
  });

  test("tells the first commit of a volume, too", async () => {
    const { a, b } = await setUp();
    const { told, stop } = await watch(b, b.volumeId);
    await commit(a, b.volumeId, 1);
    await settle();
    expect(told).toMatchObject([{ kind: "news", snapshot: { lsn: 1n } }]);
    await stop();
  });

  test("looks at nothing that nobody watches", async () => {
    const { a, meter } = await setUp();
    const before = meter.requestCount;
    await commit(a, a.volumeId, 2, 5);
    await settle();
    expect(meter.requestCount).toBe(before);
  });

  test("believes the store, not the hint", async () => {
    const { a, b, busB, metrics, seconds } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    const stranger = { nodeId: "00000000000000ff", sequence: 1, volumeId: a.volumeId };
    busB.receive({ kind: "hint", ...stranger, lsn: toLsn(7n) });
    await seconds(1);
    expect(told).toEqual([]);
    expect(metrics.render()).toContain('graft_notify_hints_total{kind="untrue"} 1');
    await commit(a, a.volumeId, 2);
    await settle();
    expect(told).toMatchObject([{ snapshot: { lsn: 2n } }]);
    await stop();
  });

  test("answers the latest by the store, also when no hint came", async () => {
    const { a, b, network } = await setUp();
    network.isLost = () => true;
    await commit(a, a.volumeId, 2, 4);
    const { snapshot } = await b.metastore.getSnapshot(a.volumeId, undefined);
    expect(snapshot.lsn).toBe(4n);
  });

  test("is told of what it commits on top of", async () => {
    const { a, b, network } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    network.isLost = () => true;
    await commit(a, a.volumeId, 2);
    // Refused, once its base was read.
    const small = { index: toPageIndex(1), data: new Uint8Array(512) };
    const refused = await inlineCommitOf({ ...b, volumeId: a.volumeId }, toLsn(2n), [small], {
      pageSize: toPageSize(512),
    });
    await expect(b.metastore.commit(refused)).rejects.toMatchObject({ code: "invalid-argument" });
    await settle();
    expect(told).toMatchObject([{ fromLsn: 1n, snapshot: { lsn: 2n } }]);
    await stop();
  });
});

describe("losing hints costs time, never news:", () => {
  test("the next hint brings what the lost one would have", async () => {
    const { a, b, network } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    network.isLost = (message) => message.kind === "hint" && message.lsn === 2n;
    await commit(a, a.volumeId, 2, 3);
    await settle();
    expect(told).toMatchObject([{ fromLsn: 1n, snapshot: { lsn: 3n } }]);
    await stop();
  });

  test("of a volume that then stays idle the next beat tells that something was missed", async () => {
    const { a, b, network, seconds } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    network.isLost = (message) => message.kind === "hint";
    await commit(a, a.volumeId, 2);
    await settle();
    expect(told).toEqual([]);
    await seconds(6);
    expect(told).toMatchObject([{ fromLsn: 1n, snapshot: { lsn: 2n } }]);
    await stop();
  });

  test("without the bus watched volumes are probed, and looked at once when it is back", async () => {
    const { a, b, busB, meter, seconds } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    busB.setConnected(false);
    await commit(a, a.volumeId, 2);
    await seconds(1);
    expect(told).toMatchObject([{ snapshot: { lsn: 2n } }]);
    await seconds(60);
    await commit(a, a.volumeId, 3);
    busB.setConnected(true);
    await settle();
    expect(told.at(-1)).toMatchObject({ fromLsn: 2n, snapshot: { lsn: 3n } });
    await seconds(20);
    const before = meter.requestCount;
    await seconds(600);
    expect(meter.requestCount).toBe(before);
    await stop();
  });

  test("a node that was without the bus for a moment tells then how much was missed", async () => {
    const { a, b, busA } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    busA.setConnected(false);
    await commit(a, a.volumeId, 2);
    await settle();
    expect(told).toEqual([]);
    busA.setConnected(true);
    await settle();
    expect(told).toMatchObject([{ fromLsn: 1n, snapshot: { lsn: 2n } }]);
    await stop();
  });

  test("a node that is cut off and still commits is noticed by its silence", async () => {
    const { a, b, busA, meter, seconds } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    busA.isCut = true;
    await commit(a, a.volumeId, 2);
    await seconds(SILENCE_MS / 1000 + 7);
    expect(told).toMatchObject([{ snapshot: { lsn: 2n } }]);
    // Heard again: no more probes.
    busA.isCut = false;
    await seconds(30);
    const before = meter.requestCount;
    await seconds(600);
    expect(meter.requestCount).toBe(before);
    await stop();
  });

  test("a node that ended as it should is not waited for; one that died is forgotten", async () => {
    const { a, b, busB, meter, seconds } = await setUp();
    const { stop } = await watch(b, a.volumeId, toLsn(1n));
    busB.receive({ kind: "beat", nodeId: "00000000000000ff", sequence: 0 });
    await a[Symbol.asyncDispose]();
    await seconds(60);
    const probed = meter.requestCount;
    expect(probed).toBeGreaterThan(4);
    await seconds(600);
    const before = meter.requestCount;
    await seconds(600);
    expect(meter.requestCount).toBe(before);
    await stop();
  });

  test("a look that fails is made again", async () => {
    const { a, b, network, seconds } = await setUp();
    const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
    network.isLost = (message) => message.kind === "hint";
    const { get } = b.store;
    b.store.get = () => Promise.reject(new GraftError("unavailable", "no store"));
    await commit(a, a.volumeId, 2);
    await seconds(6);
    expect(told).toEqual([]);
    b.store.get = get;
    await seconds(6);
    expect(told).toMatchObject([{ snapshot: { lsn: 2n } }]);
    await stop();
  });
});

test("a hundred idle watchers of as many volumes cost the store nothing in ten minutes", async () => {
  const { a, b, meter, seconds } = await setUp();
  const watchers = [];
  for (let at = 0; at < 100; at++) watchers.push(await watch(b, createVolumeId(a)));
  await seconds(1);
  const before = meter.requestCount;
  await seconds(600);
  expect(meter.requestCount).toBe(before);
  for (const { stop } of watchers) await stop();
});

test("hints in a crowd are followed one at a time for each volume", async () => {
  const { a, b, meter } = await setUp();
  const { told, stop } = await watch(b, a.volumeId, toLsn(1n));
  const before = meter.requestCount;
  await commit(a, a.volumeId, 2, 30);
  await settle();
  expect(told.at(-1)).toMatchObject({ snapshot: { lsn: 30n } });
  // Each record is read once.
  expect(meter.requestCount - before).toBeLessThanOrEqual(29);
  await stop();
});
