import { type Lsn, toLsn, type VolumeId } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { decodeHeadHint, headKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { FaultyObjectStore } from "@graft/object-store/testing";
import { silentLog } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import { HeadHintWriter } from "./head-hint-writer.ts";
import { createTestMetastore, inlineCommitOf } from "./testing/test-metastore.ts";

const volumeId = createTestMetastore().volumeId;

function setUp() {
  const clock = new SimulatedClock();
  const faulty = new FaultyObjectStore(new MemoryObjectStore(), [], new SeededRandom(1), clock);
  const store = new MeteredObjectStore(faulty, clock);
  const writer = new HeadHintWriter({ store, clock, log: silentLog });
  const hint = async (volume: VolumeId = volumeId): Promise<Lsn | undefined> => {
    const stored = await store.get(headKey(volume));
    return stored && decodeHeadHint(stored.bytes);
  };
  const puts = () => store.meter.snapshot().put.requests;
  return { clock, faulty, writer, hint, puts };
}

describe("the head hint", () => {
  test("is written a second after a commit, once for all commits of that second", async () => {
    const { clock, writer, hint, puts } = setUp();
    for (const lsn of [1n, 2n, 3n]) writer.note(volumeId, toLsn(lsn));
    await clock.advance(999);
    expect(await hint()).toBeUndefined();
    await clock.advance(1);
    expect(await hint()).toBe(3n);
    expect(puts()).toBe(1);
    await clock.advance(60_000);
    expect(puts()).toBe(1);
    expect(clock.sleeperCount).toBe(0);
  });

  test("is written with the fourth commit, then once a second however fast they are", async () => {
    const { clock, writer, hint, puts } = setUp();
    for (let lsn = 1n; lsn <= 300n; lsn++) {
      writer.note(volumeId, toLsn(lsn));
      await clock.advance(10);
      const written = (await hint()) ?? 0n;
      expect(lsn - written).toBeLessThanOrEqual(101n);
      if (lsn === 4n) expect(written).toBe(4n);
    }
    expect(puts()).toBe(3);
    await clock.advance(1000);
    expect(await hint()).toBe(300n);
  });

  test("is at most a second behind when commits are slow", async () => {
    const { clock, writer, hint, puts } = setUp();
    for (let lsn = 1n; lsn <= 5n; lsn++) {
      writer.note(volumeId, toLsn(lsn));
      await clock.advance(1001);
      expect(await hint()).toBe(lsn);
      await clock.advance(600);
    }
    expect(puts()).toBe(5);
  });

  test("is written when the writer is disposed", async () => {
    const { writer, hint } = setUp();
    writer.note(volumeId, toLsn(7n));
    await writer[Symbol.asyncDispose]();
    expect(await hint()).toBe(7n);
  });

  test("that cannot be written harms nobody, and is written with the next commit", async () => {
    const { clock, faulty, writer, hint } = setUp();
    faulty.setRules({ fault: { kind: "unavailable" }, operations: ["put"] });
    writer.note(volumeId, toLsn(1n));
    await clock.advance(2000);
    faulty.setRules();
    expect(await hint()).toBeUndefined();
    writer.note(volumeId, toLsn(2n));
    await clock.advance(1000);
    expect(await hint()).toBe(2n);
  });
});

test.each([
  ["missing", undefined],
  ["stale", "0000000000000002"],
  ["ahead of the log", "00000000000f0000"],
  ["damaged", "garbage"],
])("a cold node finds the head when the hint is %s", async (_, hint) => {
  const on = createTestMetastore();
  const page = { index: 1 as never, data: new Uint8Array(4096) };
  for (let base = 0n; base < 20n; base++) {
    const request = await inlineCommitOf(on, base === 0n ? undefined : toLsn(base), [page]);
    await on.metastore.commit(request);
  }
  await on[Symbol.asyncDispose]();
  if (hint === undefined) await on.store.delete(headKey(on.volumeId));
  else await on.store.put(headKey(on.volumeId), new TextEncoder().encode(hint));
  const metered = new MeteredObjectStore(on.store, new SimulatedClock());
  const cold = createTestMetastore({ store: metered });
  const { snapshot } = await cold.metastore.getSnapshot(on.volumeId, undefined);
  expect(snapshot.lsn).toBe(20n);
  expect(metered.meter.requestCount).toBeLessThanOrEqual(24);
  expect(metered.meter.snapshot().list.requests).toBe(0);
});

test("a cold node opens a volume with three requests when the hint is right", async () => {
  const on = createTestMetastore();
  const page = { index: 1 as never, data: new Uint8Array(4096) };
  await on.metastore.commit(await inlineCommitOf(on, undefined, [page]));
  await on[Symbol.asyncDispose]();
  const metered = new MeteredObjectStore(on.store, new SimulatedClock());
  const cold = createTestMetastore({ store: metered });
  await cold.metastore.getSnapshot(on.volumeId, undefined);
  expect(metered.meter.requestCount).toBe(3);
});
