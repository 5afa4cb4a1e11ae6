import { MemoryVolumeCatalog } from "@graft/catalog";
import { createVolumeId, type Lsn, MutablePageSet, toLsn } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { logKey } from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { describe, expect, it } from "vitest";
import { CatalogUpdater, nextPull } from "./catalog-updater.ts";
import { PageFinder } from "./page-finder.ts";
import { LogCommitSource } from "./testing/log-commit-source.ts";
import { VolumeWriter } from "./testing/volume-writer.ts";

function lsn(value: number): Lsn {
  return toLsn(BigInt(value));
}

async function volumeOf(commits: number): Promise<{
  readonly store: MemoryObjectStore;
  readonly volume: VolumeWriter;
  readonly source: LogCommitSource;
  readonly catalog: MemoryVolumeCatalog;
  readonly updater: CatalogUpdater;
}> {
  const store = new MemoryObjectStore();
  const clock = new SimulatedClock();
  const compute = nodeCompute;
  const volume = new VolumeWriter({ store, clock, random: new SeededRandom(1), compute });
  for (let at = 1; at <= commits; at++) {
    await volume.commit({ pages: new Map([[at, new Uint8Array(4096).fill(at)]]), pageCount: at });
  }
  const source = new LogCommitSource(store);
  const catalog = new MemoryVolumeCatalog();
  return {
    store,
    volume,
    source,
    catalog,
    updater: new CatalogUpdater({ catalog, source, compute }),
  };
}

describe("what to pull next", () => {
  const held = { floor: lsn(100), head: lsn(200) };

  it.each([
    ["begins at the end", undefined, 500, "above", 437, 500],
    ["begins at 1 in a young volume", undefined, 5, "above", 1, 5],
    ["continues what is held", held, 203, "above", 201, 203],
    ["continues over a long way", held, 8000, "above", 201, 8000],
    ["starts anew when it is too far above", held, 9000, "anew", 8937, 9000],
    ["extends downward", held, 99, "below", 36, 99],
    ["extends downward as far as it must", held, 50, "below", 1, 99],
  ] as const)("%s", (_, extent, from, kind, start, end) => {
    const range = { start: lsn(start), end: lsn(end) };
    expect(nextPull(extent, lsn(from), 64)).toEqual({ kind, range });
  });

  it("leaves a far older snapshot apart", () => {
    const far = { floor: lsn(10_000), head: lsn(10_001) };
    const range = { start: lsn(37), end: lsn(100) };
    expect(nextPull(far, lsn(100), 64)).toEqual({ kind: "apart", range });
  });
});

describe("the catalog updater", () => {
  it("asks once for everybody, and not at all for what is held", async () => {
    const { updater, volume, source } = await volumeOf(9);
    const calls = Array.from({ length: 10 }, () =>
      updater.descend(volume.volumeId, lsn(9), 64, undefined),
    );
    await Promise.all(calls);
    await updater.descend(volume.volumeId, lsn(4), 64, undefined);
    expect(source.pulls).toEqual([{ start: 1n, end: 9n }]);
  });

  it("pulls only what is new", async () => {
    const { updater, volume, source } = await volumeOf(9);
    await updater.descend(volume.volumeId, lsn(4), 2, undefined);
    await updater.descend(volume.volumeId, lsn(9), 2, undefined);
    await updater.descend(volume.volumeId, lsn(2), 1, undefined);
    expect(source.pulls).toEqual([
      { start: 3n, end: 4n },
      { start: 5n, end: 9n },
      { start: 2n, end: 2n },
    ]);
  });

  it("answers not-found for an LSN that does not exist and an unknown volume", async () => {
    const { updater, volume } = await volumeOf(3);
    const future = updater.descend(volume.volumeId, lsn(4), 64, undefined);
    await expect(future).rejects.toMatchObject({ code: "not-found" });
    const stranger = createVolumeId({ clock: new SimulatedClock(), random: new SeededRandom(9) });
    const unknown = updater.descend(stranger, lsn(1), 64, undefined);
    await expect(unknown).rejects.toMatchObject({ code: "not-found" });
    expect([...(await updater.descend(volume.volumeId, lsn(3), 64, undefined))]).toHaveLength(3);
  });

  it("gives up what it holds when the log contradicts it, and is right again after that", async () => {
    const { updater, volume, store } = await volumeOf(3);
    await updater.descend(volume.volumeId, lsn(2), 64, undefined);
    // The store was put back to an older backup and went on differently.
    const other = await volumeOf(0);
    const twin = new VolumeWriter({
      store: other.store,
      clock: new SimulatedClock(),
      random: new SeededRandom(1),
      compute: nodeCompute,
    });
    for (let at = 1; at <= 4; at++) await twin.commit({ pages: new Map(), pageCount: at + 10 });
    expect(twin.volumeId).toBe(volume.volumeId);
    for (let at = 1; at <= 4; at++) {
      const object = await other.store.get(logKey(twin.volumeId, lsn(at)));
      await store.put(logKey(twin.volumeId, lsn(at)), object?.bytes ?? new Uint8Array(0));
    }
    const contradicted = updater.descend(volume.volumeId, lsn(4), 64, undefined);
    await expect(contradicted).rejects.toMatchObject({ code: "corrupt" });
    const [newest] = await updater.descend(volume.volumeId, lsn(4), 64, undefined);
    expect(newest?.record.pageCount).toBe(14);
  });

  it("walks down the log no further than a read needs", async () => {
    const { updater, volume, source } = await volumeOf(200);
    const finder = new PageFinder(updater, { first: 8, max: 32 });
    const find = (index: number): Promise<unknown> =>
      finder.find(volume.volumeId, lsn(200), () => MutablePageSet.of(index), undefined);
    await find(199);
    expect(source.pulls).toEqual([{ start: 193n, end: 200n }]);
    await find(150);
    expect(source.pulls.slice(1)).toEqual([
      { start: 177n, end: 192n },
      { start: 145n, end: 176n },
    ]);
    await find(160);
    expect(source.pulls).toHaveLength(3);
  });
});
