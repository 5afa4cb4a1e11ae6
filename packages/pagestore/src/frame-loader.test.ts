import { decodeCatalogCommit, MemoryVolumeCatalog } from "@graft/catalog";
import { GraftError, MutablePageSet, type PageSet, toLsn, toPageSize } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { logKey, parseObjectKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";
import { type FaultRule, FaultyObjectStore } from "@graft/object-store/testing";
import { silentLog } from "@graft/rpc";
import { describe, expect, it } from "vitest";
import { openDiskFrameCache } from "./frame-cache/open-disk-frame-cache.ts";
import { createHarness, type Harness } from "./testing/harness.ts";

const BIG = 100_000_000;

function pages(first: number, last: number, salt = 0): Map<number, Uint8Array> {
  const random = new SeededRandom(first * 1000 + salt);
  const map = new Map<number, Uint8Array>();
  for (let index = first; index <= last; index++) {
    const data = new Uint8Array(4096);
    random.fill(data);
    map.set(index, data);
  }
  return map;
}

async function read(harness: Harness, lsn: number, wanted: PageSet): Promise<readonly number[]> {
  const { volumeId } = harness.volume;
  const request = { volumeId, lsn: toLsn(BigInt(lsn)), pageSet: wanted, byteBudget: BIG };
  return (await harness.pagestore.readPages(request)).pages.map(({ index }) => index);
}

function range(first: number, last: number): PageSet {
  return MutablePageSet.fromRange(first, last);
}

function gets(harness: Harness): number {
  return harness.store.meter.snapshot().get.requests;
}

/** A catalog that a MetaStore fills, and that has no room for inline pages. */
function withSharedCatalog(): { readonly harness: Harness; readonly share: () => Promise<void> } {
  const catalog = new MemoryVolumeCatalog({ inlineSizeMax: 0 });
  const harness = createHarness({ catalog: () => catalog });
  const { volumeId } = harness.volume;
  const share = async (): Promise<void> => {
    const lsn = toLsn(1n);
    const bytes = (await harness.source.read(volumeId, lsn, undefined)).slice();
    harness.source.forgetReads();
    catalog.insert(decodeCatalogCommit(bytes, { volumeId, lsn }, nodeCompute));
  };
  return { harness, share };
}

describe("loading frames", () => {
  it("reads only the frame of a page, by range, and nothing at all the next time", async () => {
    const harness = createHarness();
    await harness.volume.commit({
      pages: pages(1, 640),
      pageCount: 640,
      placement: { segments: 1 },
    });
    expect(await read(harness, 1, range(100, 100))).toEqual([100]);
    const first = harness.store.meter.snapshot().get;
    expect(first.requests).toBe(1);
    expect(first.receivedBytes).toBe(64 * 4096);
    expect(await read(harness, 1, range(65, 128))).toHaveLength(64);
    expect(gets(harness)).toBe(1);
    expect(harness.store.meter.requestCount).toBe(1);
  });

  it("reads neighbouring frames in one range", async () => {
    const harness = createHarness();
    await harness.volume.commit({
      pages: pages(1, 640),
      pageCount: 640,
      placement: { segments: 1 },
    });
    expect(await read(harness, 1, range(60, 400))).toHaveLength(341);
    expect(gets(harness)).toBe(1);
  });

  it("does not read what lies between frames far apart, nor ranges without bound", async () => {
    const harness = createHarness();
    await harness.volume.commit({
      pages: pages(1, 1024),
      pageCount: 1024,
      placement: { segments: 1 },
    });
    expect(await read(harness, 1, MutablePageSet.of(1, 1000))).toEqual([1, 1000]);
    expect(gets(harness)).toBe(2);
    const cold = harness.restart();
    expect(await read(cold, 1, range(1, 1024))).toHaveLength(1024);
    expect(gets(cold)).toBe(2);
  });

  it("fetches a frame once for everybody who waits for it", async () => {
    const harness = createHarness();
    await harness.volume.commit({ pages: pages(1, 64), pageCount: 64, placement: { segments: 1 } });
    const readers = Array.from({ length: 20 }, (_, at) => read(harness, 1, range(at + 1, at + 1)));
    expect((await Promise.all(readers)).flat()).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    expect(gets(harness)).toBe(1);
    expect(harness.source.reads).toHaveLength(1);
  });

  it("leaves the others their answer when one of them gives up", async () => {
    const harness = createHarness();
    await harness.volume.commit({ pages: pages(1, 64), pageCount: 64, placement: { segments: 1 } });
    await read(harness, 1, MutablePageSet.of());
    const { volumeId } = harness.volume;
    const request = { volumeId, lsn: toLsn(1n), pageSet: range(1, 1), byteBudget: BIG };
    const controller = new AbortController();
    const leaver = harness.pagestore.readPages(request, controller.signal);
    const stayer = harness.pagestore.readPages(request);
    controller.abort(new Error("no longer wanted"));
    await expect(leaver).rejects.toThrow("no longer wanted");
    expect((await stayer).pages).toHaveLength(1);
  });

  it("reads inline pages from the record, and from the log when a shared catalog let them go", async () => {
    const warm = createHarness();
    await warm.volume.commit({ pages: pages(1, 9), pageCount: 9 });
    expect(await read(warm, 1, range(1, 9))).toHaveLength(9);
    expect(gets(warm)).toBe(0);
    const { harness: poor, share } = withSharedCatalog();
    await poor.volume.commit({ pages: pages(1, 9), pageCount: 9 });
    await share();
    expect(await read(poor, 1, range(1, 9))).toHaveLength(9);
    expect(await read(poor, 1, range(1, 9))).toHaveLength(9);
    expect(gets(poor)).toBe(1);
    expect(poor.source.reads).toEqual([]);
  });

  it("finds frames by the footer when the commit leaves them out, and reads it once", async () => {
    const harness = createHarness();
    const placement = { segments: 1, omitFrames: true };
    await harness.volume.commit({ pages: pages(1, 300), pageCount: 300, placement });
    expect(await read(harness, 1, range(70, 70))).toEqual([70]);
    expect(gets(harness)).toBe(2);
    expect(await read(harness, 1, range(200, 200))).toEqual([200]);
    expect(gets(harness)).toBe(3);
  });

  it("serves volumes of every page size", async () => {
    for (const size of [512, 1024, 4096, 65_536]) {
      const harness = createHarness({ pageSize: toPageSize(size) });
      const data = new Map([1, 2, 3].map((index) => [index, new Uint8Array(size).fill(index)]));
      await harness.volume.commit({ pages: data, pageCount: 3, placement: { segments: 1 } });
      expect(await read(harness, 1, range(1, 4))).toEqual([1, 2, 3]);
    }
  });
});

describe("stored bytes that are not what a commit names", () => {
  function faulty(rules: readonly FaultRule[]): Harness {
    const wrap = (store: ObjectStore): ObjectStore =>
      new FaultyObjectStore(store, rules, new SeededRandom(1), new SimulatedClock());
    return createHarness({ wrap });
  }

  it.each(["truncated", "corrupted"] as const)(
    "are read again when they arrive %s",
    async (kind) => {
      const harness = faulty([{ fault: { kind }, times: 1 }]);
      await harness.volume.commit({
        pages: pages(1, 200),
        pageCount: 200,
        placement: { segments: 1 },
      });
      expect(await read(harness, 1, range(1, 200))).toHaveLength(200);
    },
  );

  it.each(["truncated", "corrupted"] as const)(
    "are named and never served when they stay %s",
    async (kind) => {
      const harness = faulty([{ fault: { kind } }]);
      await harness.volume.commit({
        pages: pages(1, 64),
        pageCount: 64,
        placement: { segments: 1 },
      });
      const failed = read(harness, 1, range(1, 1));
      await expect(failed).rejects.toMatchObject({ code: "corrupt" });
      await expect(failed).rejects.toThrow(`volumes/${harness.volume.volumeId}/segments/`);
    },
  );

  it.each([false, true])(
    "are named when a segment is gone (footer needed: %s)",
    async (omitFrames) => {
      const harness = createHarness();
      const placement = { segments: 1, omitFrames };
      await harness.volume.commit({ pages: pages(1, 10), pageCount: 10, placement });
      for await (const { key } of harness.store.list("volumes/")) {
        if (parseObjectKey(key)?.kind === "segment") await harness.store.delete(key);
      }
      await expect(read(harness, 1, range(1, 1))).rejects.toMatchObject({ code: "corrupt" });
      await expect(read(harness, 1, range(1, 1))).rejects.toThrow(
        "is missing, though a commit names it",
      );
    },
  );

  it("are named when a record's inline pages changed under the catalog", async () => {
    const { harness, share } = withSharedCatalog();
    const { volume, store } = harness;
    await volume.commit({ pages: pages(1, 3), pageCount: 3 });
    await share();
    const key = logKey(volume.volumeId, toLsn(1n));
    const bytes = (await store.get(key))?.bytes ?? new Uint8Array(0);
    await read(harness, 1, MutablePageSet.of());
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    await store.put(key, bytes);
    await expect(read(harness, 1, range(1, 1))).rejects.toMatchObject({ code: "corrupt" });
  });

  it("do not stop anything else: errors are GraftErrors and the next read works", async () => {
    const harness = faulty([{ fault: { kind: "unavailable" }, times: 1 }]);
    await harness.volume.commit({ pages: pages(1, 64), pageCount: 64, placement: { segments: 1 } });
    await expect(read(harness, 1, range(1, 1))).rejects.toBeInstanceOf(GraftError);
    expect(await read(harness, 1, range(1, 1))).toEqual([1]);
  });
});

describe("loading frames with a disk cache", () => {
  async function createServer(
    frameCacheSize?: number,
  ): Promise<{ harness: Harness; disk: SimulatedDisk; restart: () => Promise<Harness> }> {
    const disk = new SimulatedDisk();
    const clock = new SimulatedClock();
    const means = { fileSystem: disk, clock, compute: nodeCompute, log: silentLog };
    const options = { ...means, directory: "cache", sizeMax: BIG };
    let diskCache = await openDiskFrameCache(options);
    const harness = createHarness({
      diskCache: () => diskCache,
      ...(frameCacheSize !== undefined && { frameCacheSize }),
    });
    const restart = async (): Promise<Harness> => {
      await diskCache?.[Symbol.asyncDispose]();
      diskCache = await openDiskFrameCache(options);
      return harness.restart();
    };
    return { harness, disk, restart };
  }

  function slabsOf(disk: SimulatedDisk): readonly string[] {
    const names = disk.list("cache/frames") ?? [];
    return names.filter((name) => name.endsWith(".slab")).map((name) => `cache/frames/${name}`);
  }

  const fill = { pages: pages(1, 640), pageCount: 640, placement: { segments: 1 } };

  it("asks the store for nothing that was read before a restart", async () => {
    const { harness, restart } = await createServer();
    await harness.volume.commit(fill);
    await read(harness, 1, range(1, 200));
    const warm = await restart();
    expect(await read(warm, 1, range(1, 200))).toHaveLength(200);
    expect(gets(warm)).toBe(0);
    expect(await read(warm, 1, range(1, 640))).toHaveLength(640);
    expect(gets(warm)).toBe(1);
  });

  it("serves the same bytes with no memory at all", async () => {
    const { harness, restart } = await createServer(0);
    await harness.volume.commit(fill);
    const { volumeId } = harness.volume;
    const request = { volumeId, lsn: toLsn(1n), pageSet: range(1, 640), byteBudget: BIG };
    const first = await harness.pagestore.readPages(request);
    expect(await harness.pagestore.readPages(request)).toEqual(first);
    expect(await (await restart()).pagestore.readPages(request)).toEqual(first);
    expect(first.pages.map(({ data }) => data)).toEqual([...fill.pages.values()]);
  });

  it("keeps inline pages that had to be read from the log", async () => {
    const disk = new SimulatedDisk();
    const means = { fileSystem: disk, clock: new SimulatedClock(), compute: nodeCompute };
    const options = { ...means, log: silentLog, directory: "cache", sizeMax: BIG };
    const diskCache = await openDiskFrameCache(options);
    const catalog = new MemoryVolumeCatalog({ inlineSizeMax: 0 });
    const harness = createHarness({ catalog: () => catalog, diskCache: () => diskCache });
    await harness.volume.commit({ pages: pages(1, 2), pageCount: 2, placement: "inline" });
    const { volumeId } = harness.volume;
    const lsn = toLsn(1n);
    const bytes = (await harness.source.read(volumeId, lsn, undefined)).slice();
    catalog.insert(decodeCatalogCommit(bytes, { volumeId, lsn }, nodeCompute));
    expect(await read(harness, 1, range(1, 2))).toEqual([1, 2]);
    expect(gets(harness)).toBe(1);
    const warm = harness.restart();
    expect(await read(warm, 1, range(1, 2))).toEqual([1, 2]);
    expect(gets(warm)).toBe(0);
  });

  it("fetches a damaged frame again, and serves the right bytes, whichever byte it is", async () => {
    const { harness, disk, restart } = await createServer();
    await harness.volume.commit({ ...fill, pages: pages(1, 64), pageCount: 64 });
    await read(harness, 1, range(1, 64));
    for (const back of [1, 100, 64 * 4096]) {
      await restart();
      const [slab = ""] = slabsOf(disk).slice(-1);
      disk.corrupt(slab, (disk.stat(slab)?.size ?? 0) - back);
      const warm = await restart();
      const { volumeId } = warm.volume;
      const request = { volumeId, lsn: toLsn(1n), pageSet: range(1, 64), byteBudget: BIG };
      const found = await warm.pagestore.readPages(request);
      expect(found.pages.map(({ data }) => data)).toEqual([...pages(1, 64).values()]);
      expect(gets(warm)).toBe(1);
    }
    const healed = await restart();
    await read(healed, 1, range(1, 64));
    expect(gets(healed)).toBe(0);
  });

  it("goes on when the directory is deleted under it, and when the disk fails", async () => {
    const { harness, disk, restart } = await createServer(0);
    await harness.volume.commit(fill);
    await read(harness, 1, range(1, 640));
    const warm = await restart();
    disk.removeTree("cache");
    expect(await read(warm, 1, range(1, 640))).toHaveLength(640);
    expect(gets(warm)).toBeGreaterThan(0);
    const again = await restart();
    disk.inject({ reason: "other", times: Number.POSITIVE_INFINITY });
    expect(await read(again, 1, range(1, 640))).toHaveLength(640);
  });

  it("never answers a commit from a frame of another content", async () => {
    const { harness, restart } = await createServer();
    await harness.volume.commit({ ...fill, pages: pages(1, 64, 0), pageCount: 64 });
    await harness.volume.commit({ ...fill, pages: pages(1, 64, 1), pageCount: 64 });
    await read(harness, 1, range(1, 64));
    const warm = await restart();
    const { volumeId } = warm.volume;
    const request = { volumeId, lsn: toLsn(2n), pageSet: range(1, 64), byteBudget: BIG };
    const { pages: found } = await warm.pagestore.readPages(request);
    expect(found.map(({ data }) => data)).toEqual([...pages(1, 64, 1).values()]);
  });
});
