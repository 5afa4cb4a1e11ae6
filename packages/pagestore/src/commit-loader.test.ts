import { createVolumeId, type Lsn, MutablePageSet, toLsn } from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { headKey, logKey } from "@graft/format";
import { describe, expect, it } from "vitest";
import { createHarness, type Harness } from "./testing/harness.ts";

function lsn(value: number): Lsn {
  return toLsn(BigInt(value));
}

function page(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}

/** Page `at` is written by commit `at`; a checkpoint after every `every` commits. */
async function history(count: number, every: number, isBare = false): Promise<Harness> {
  const harness = createHarness();
  for (let at = 1; at <= count; at++) {
    await harness.volume.commit({ pages: new Map([[at, page(at)]]), pageCount: at, isBare });
    if (at % every === 0) await harness.volume.checkpoint();
  }
  return harness.restart();
}

async function read(harness: Harness, at: number, ...indexes: readonly number[]) {
  const { volumeId } = harness.volume;
  const pageSet = MutablePageSet.from(indexes);
  const request = { volumeId, lsn: lsn(at), pageSet, byteBudget: 1_000_000 };
  const { pages } = await harness.pagestore.readPages(request);
  return pages.map(({ index, data }) => [index, data[0]]);
}

function gets(harness: Harness): number {
  return harness.store.meter.snapshot().get.requests;
}

describe("a read on a node that knows nothing", () => {
  it.each([[10], [300]])("asks for one record of %i, and reads what it names", async (count) => {
    const harness = await history(count, 7);
    expect(await read(harness, count, 1)).toEqual([[1, 1]]);
    expect(harness.source.reads).toEqual([BigInt(count)]);
    // Root, block and frame.
    expect(gets(harness)).toBe(3);
    expect(await read(harness, count, count)).toEqual([[count, count % 256]]);
    expect(gets(harness)).toBeLessThanOrEqual(4);
  });

  it("reads pages inside older records from just those records", async () => {
    const harness = await history(40, 1000);
    expect(await read(harness, 40, 3, 9)).toEqual([
      [3, 3],
      [9, 9],
    ]);
    expect(harness.source.reads).toEqual([40n]);
    expect(gets(harness)).toBe(2);
  });

  it("walks records without a tail index down to the checkpoint, and no further", async () => {
    const harness = await history(40, 16, true);
    expect(await read(harness, 40, 2)).toEqual([[2, 2]]);
    expect(harness.source.reads).toEqual([40n]);
    const bare = await history(40, 1000, true);
    expect(await read(bare, 40, 2)).toEqual([[2, 2]]);
    expect(gets(bare)).toBe(39);
  });

  it("asks once for everybody, and not at all for what it knows", async () => {
    const harness = await history(9, 1000);
    await Promise.all(Array.from({ length: 10 }, () => read(harness, 9, 9)));
    await read(harness, 9, 9);
    expect(harness.source.reads).toEqual([9n]);
  });

  it("answers not-found for an LSN that does not exist and an unknown volume", async () => {
    const harness = await history(3, 1000);
    await expect(read(harness, 4, 1)).rejects.toMatchObject({ code: "not-found" });
    const means = { clock: new SimulatedClock(), random: new SeededRandom(9) };
    const pageSet = MutablePageSet.of(1);
    const request = { volumeId: createVolumeId(means), lsn: lsn(1), pageSet, byteBudget: 1 };
    await expect(harness.pagestore.readPages(request)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("what lies in the store and is not what a commit vouches for", () => {
  it("is named: a missing or another checkpoint root, a damaged block", async () => {
    for (const damage of ["delete", "replace", "flip"] as const) {
      const harness = await history(20, 8);
      const { store, volume } = harness;
      const prefix = headKey(volume.volumeId).replace(/head$/, "checkpoints/");
      const keys = (await Array.fromAsync(store.list(prefix))).map(({ key }) => key).sort();
      const root = keys.findLast((key) => !key.includes("-")) ?? "";
      const older = keys.find((key) => !key.includes("-")) ?? "";
      const blocks = keys.findLast((key) => key.includes("-")) ?? "";
      if (damage === "delete") await store.delete(root);
      const stored = (await store.get(damage === "flip" ? blocks : older))?.bytes;
      const bytes = stored ?? new Uint8Array(0);
      if (damage === "replace") await store.put(root, bytes);
      bytes[30] = (bytes[30] ?? 0) ^ 1;
      if (damage === "flip") await store.put(blocks, bytes);
      await expect(read(harness, 20, 1)).rejects.toMatchObject({ code: "corrupt" });
    }
  });

  it("is named: a record below that another history wrote", async () => {
    const harness = await history(6, 1000, true);
    const other = await history(6, 1000, true);
    const { volumeId } = harness.volume;
    expect(other.volume.volumeId).toBe(volumeId);
    const twin = createHarness();
    for (let at = 1; at <= 6; at++) {
      await twin.volume.commit({ pages: new Map([[at, page(7)]]), pageCount: 50, isBare: true });
    }
    const foreign = await twin.store.get(logKey(volumeId, lsn(4)));
    await harness.store.put(logKey(volumeId, lsn(4)), foreign?.bytes ?? new Uint8Array(0));
    await expect(read(harness, 6, 1)).rejects.toMatchObject({ code: "corrupt" });
  });

  it("is named: a record that does not hold what a later one takes from it", async () => {
    const harness = await history(6, 1000);
    const { volumeId } = harness.volume;
    const twin = createHarness();
    for (let at = 1; at <= 4; at++) {
      await twin.volume.commit({ pages: new Map([[at + 1, page(7)]]), pageCount: 50 });
    }
    const foreign = await twin.store.get(logKey(volumeId, lsn(4)));
    await harness.store.put(logKey(volumeId, lsn(4)), foreign?.bytes ?? new Uint8Array(0));
    await expect(read(harness, 6, 4)).rejects.toThrow("it does not hold page 4");
  });
});
