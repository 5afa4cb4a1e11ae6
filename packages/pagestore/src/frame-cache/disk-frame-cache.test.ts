import { invariant } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import type { Log } from "@graft/rpc";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DiskFrameCache } from "./disk-frame-cache.ts";
import { openDiskFrameCache } from "./open-disk-frame-cache.ts";

const KIB = 1024;
const DIRECTORY = "cache/frames";

/** A server's disk, and the caches that come and go on it. */
class Bench {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly disk: SimulatedDisk = new SimulatedDisk();
  readonly warnings: string[] = [];
  readonly #log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_facts, message) => void this.warnings.push(message),
    error: (_facts, message) => void this.warnings.push(message),
  };

  async tryOpen(sizeMax = 1024 * KIB, fileSystem = this.disk): Promise<DiskFrameCache | undefined> {
    const { clock } = this;
    const means = { fileSystem, clock, compute: nodeCompute, log: this.#log };
    return await openDiskFrameCache({ ...means, directory: "cache", sizeMax });
  }

  async open(sizeMax?: number): Promise<DiskFrameCache> {
    const cache = await this.tryOpen(sizeMax);
    invariant(cache !== undefined, "the cache opens");
    return cache;
  }

  slabs(): readonly string[] {
    const names = this.disk.list(DIRECTORY) ?? [];
    return names.filter((name) => name !== "lock").map((name) => `${DIRECTORY}/${name}`);
  }

  /** Bytes of all slabs. */
  size(): number {
    return this.slabs().reduce((sum, path) => sum + (this.disk.stat(path)?.size ?? 0), 0);
  }
}

/** Content that its name determines. */
function data(key: string, size = 4 * KIB): Uint8Array {
  const bytes = new Uint8Array(size);
  new SeededRandom([...key].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7)).fill(bytes);
  return bytes;
}

function put(cache: DiskFrameCache, key: string, size?: number): void {
  cache.put(key, { codec: "raw", data: data(key, size) });
}

/** Put and written. */
async function write(bench: Bench, cache: DiskFrameCache, keys: readonly string[]): Promise<void> {
  for (const key of keys) put(cache, key);
  await bench.clock.advance(31_000);
}

function keysOf(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
}

describe("the disk frame cache", () => {
  it("answers what was put, before and after it was written, and after a restart", async () => {
    const bench = new Bench();
    const first = await bench.open();
    first.put("a", { codec: "zstd", data: data("a") });
    expect(first.has("a")).toBe(true);
    expect(await first.get("a")).toMatchObject({ codec: "zstd", data: data("a") });
    expect(bench.slabs()).toEqual([]);
    await bench.clock.advance(31_000);
    expect(bench.slabs()).toHaveLength(1);
    expect(await first.get("a")).toEqual({ codec: "zstd", data: data("a") });
    put(first, "b");
    await first[Symbol.asyncDispose]();
    const second = await bench.open();
    expect(await second.get("a")).toEqual({ codec: "zstd", data: data("a") });
    expect(await second.get("b")).toEqual({ codec: "raw", data: data("b") });
    expect(second.has("c")).toBe(false);
    expect(second.stats()).toMatchObject({ hits: 2, misses: 1, frames: 2, bytes: bench.size() });
  });

  it("keeps through a power cut what it had written, and nothing that it had not", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a"]);
    put(cache, "b");
    bench.disk.crash(0);
    const next = await bench.open();
    expect(await next.get("a")).toEqual({ codec: "raw", data: data("a") });
    expect(next.has("b")).toBe(false);
  });

  it("does not share its bytes with who put them", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    const bytes = data("a");
    cache.put("a", { codec: "raw", data: bytes });
    bytes.fill(0);
    expect((await cache.get("a"))?.data).toEqual(data("a"));
  });

  it("never takes more than its size, also when that was larger before", async () => {
    const bench = new Bench();
    const cache = await bench.open(256 * KIB);
    for (let round = 0; round < 40; round++) {
      await write(bench, cache, keysOf(`r${round}`, 10));
      expect(bench.size()).toBeLessThanOrEqual(256 * KIB);
      expect(cache.stats().bytes).toBe(bench.size());
    }
    expect(bench.size()).toBeGreaterThan(200 * KIB);
    await cache[Symbol.asyncDispose]();
    const smaller = await bench.open(64 * KIB);
    expect(bench.size()).toBeLessThanOrEqual(64 * KIB);
    expect(smaller.stats().bytes).toBe(bench.size());
    expect(smaller.stats().frames).toBeGreaterThan(0);
  });

  it("keeps what was asked for again through a scan of ten times its size", async () => {
    const bench = new Bench();
    const cache = await bench.open(512 * KIB);
    const hot = keysOf("hot", 20);
    await write(bench, cache, hot);
    for (const key of hot) cache.touch(key);
    for (let at = 0; at < 130; at++) await write(bench, cache, keysOf(`scan-${at}`, 10));
    for (const key of hot) expect((await cache.get(key))?.data).toEqual(data(key));
    expect(cache.has("scan-0-0")).toBe(false);
    expect(cache.has("scan-129-9")).toBe(true);
  });

  it("keeps frames that a scan pushed out and that come back, beyond the next scan", async () => {
    const bench = new Bench();
    const cache = await bench.open(512 * KIB);
    await write(bench, cache, ["back"]);
    for (let at = 0; at < 20; at++) await write(bench, cache, keysOf(`one-${at}`, 10));
    expect(cache.has("back")).toBe(false);
    await write(bench, cache, ["back"]);
    for (let at = 0; at < 20; at++) await write(bench, cache, keysOf(`two-${at}`, 10));
    expect((await cache.get("back"))?.data).toEqual(data("back"));
  });

  it("lets kept frames go when others are wanted instead", async () => {
    const bench = new Bench();
    const cache = await bench.open(256 * KIB);
    for (let round = 0; round < 60; round++) {
      const keys = keysOf(`r${round}`, 5);
      await write(bench, cache, keys);
      for (const key of keys) cache.touch(key);
      expect(bench.size()).toBeLessThanOrEqual(256 * KIB);
    }
    expect(cache.has("r0-0")).toBe(false);
    expect(cache.has("r59-0")).toBe(true);
  });

  it("forgets a slab whose head is damaged, whichever byte it is", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a", "b"]);
    await cache[Symbol.asyncDispose]();
    const [slab = ""] = bench.slabs();
    const head = 36 + 2 * 7;
    for (let offset = 0; offset < head; offset++) {
      const bytes = (await bench.disk.readWhole(slab)) ?? new Uint8Array(0);
      bench.disk.corrupt(slab, offset, 1, 1 << (offset % 8));
      const next = await bench.open();
      expect(next.has("a")).toBe(false);
      expect(bench.slabs()).toEqual([]);
      await next[Symbol.asyncDispose]();
      await bench.disk.writeWhole(slab, [bytes], "replace");
    }
    expect(await (await bench.open()).get("a")).toBeDefined();
  });

  it("forgets slabs of another length and half-written ones, and leaves other files alone", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a"]);
    await cache[Symbol.asyncDispose]();
    const [slab = ""] = bench.slabs();
    const bytes = (await bench.disk.readWhole(slab)) ?? new Uint8Array(0);
    await bench.disk.writeWhole(`${slab}.1.tmp`, [bytes], "replace");
    await bench.disk.writeWhole(`${DIRECTORY}/notes.txt`, [bytes], "replace");
    for (const size of [0, 7, 36, bytes.length - 1]) {
      await bench.disk.writeWhole(slab, [bytes.subarray(0, size)], "replace");
      const next = await bench.open();
      expect(next.stats()).toMatchObject({ frames: 0, bytes: 0 });
      expect(bench.slabs()).toEqual([`${DIRECTORY}/notes.txt`]);
      await next[Symbol.asyncDispose]();
    }
  });

  it("misses what was cut off or deleted while it ran, and takes it again", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a", "b"]);
    const [slab = ""] = bench.slabs();
    const bytes = (await bench.disk.readWhole(slab)) ?? new Uint8Array(0);
    await bench.disk.writeWhole(slab, [bytes.subarray(0, bytes.length - 1)], "replace");
    expect(await cache.get("a")).toBeDefined();
    expect(await cache.get("b")).toBeUndefined();
    expect(cache.has("b")).toBe(false);
    bench.disk.removeTree("cache");
    expect(await cache.get("a")).toBeUndefined();
    await write(bench, cache, ["a", "b"]);
    expect((await cache.get("a"))?.data).toEqual(data("a"));
    expect((await cache.get("b"))?.data).toEqual(data("b"));
    expect(bench.slabs()).toHaveLength(1);
  });

  it("takes nothing for a while when the disk is full, says so once, and recovers", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["before"]);
    bench.disk.capacity = bench.size() + 100;
    await write(bench, cache, ["a"]);
    expect(cache.has("a")).toBe(false);
    put(cache, "b");
    expect(cache.has("b")).toBe(false);
    await bench.clock.advance(10_000);
    put(cache, "b");
    expect(cache.has("b")).toBe(true);
    await bench.clock.advance(31_000);
    expect(cache.stats()).toMatchObject({ failures: 2, frames: 1 });
    expect(bench.warnings).toEqual(["the disk cache cannot write"]);
    expect((await cache.get("before"))?.data).toEqual(data("before"));
    bench.disk.capacity = Number.POSITIVE_INFINITY;
    await bench.clock.advance(60_000);
    await write(bench, cache, ["d"]);
    expect((await cache.get("d"))?.data).toEqual(data("d"));
  });

  it("counts a read that fails as a miss, and forgets the frame", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a"]);
    bench.disk.inject({ operation: "read", path: /slab$/, reason: "other" });
    expect(await cache.get("a")).toBeUndefined();
    expect(cache.has("a")).toBe(false);
    expect(cache.stats()).toMatchObject({ failures: 1, misses: 2 });
  });

  it("drops what comes faster than it can write, without waiting", async () => {
    const bench = new Bench();
    const cache = await bench.open(256 * 1024 * KIB);
    for (const key of keysOf("k", 100)) put(cache, key, 256 * KIB);
    expect(cache.stats().dropped).toBe(36);
    await cache[Symbol.asyncDispose]();
    expect((await bench.open(256 * 1024 * KIB)).stats().frames).toBe(64);
  });

  it("forgets one frame that was dropped as corrupt, and takes it again", async () => {
    const bench = new Bench();
    const cache = await bench.open();
    await write(bench, cache, ["a", "b"]);
    cache.drop("a");
    expect(cache.has("a")).toBe(false);
    expect(cache.stats().corrupt).toBe(1);
    cache.put("a", { codec: "zstd", data: data("new") });
    await cache[Symbol.asyncDispose]();
    const next = await bench.open();
    expect((await next.get("a"))?.data).toEqual(data("new"));
    expect((await next.get("b"))?.data).toEqual(data("b"));
  });

  it("lets a second process run without it, and the next one when the first is gone", async () => {
    const bench = new Bench();
    const first = await bench.open();
    expect(await bench.tryOpen()).toBeUndefined();
    expect(bench.warnings).toEqual(["another process has the disk cache: running without it"]);
    await first[Symbol.asyncDispose]();
    expect(await bench.tryOpen()).toBeDefined();
  });

  it.each([
    ["make-directory", "permission"],
    ["lock", "other"],
    ["list", "other"],
    ["read", "other"],
  ] as const)(
    "does without when the disk refuses to %s, and holds no lock",
    async (operation, reason) => {
      const bench = new Bench();
      const cache = await bench.open();
      await write(bench, cache, ["a"]);
      await cache[Symbol.asyncDispose]();
      bench.disk.inject({ operation, reason });
      expect(await bench.tryOpen()).toBeUndefined();
      expect(bench.warnings).toEqual(["no disk cache: running without it"]);
      expect(await (await bench.open()).get("a")).toBeDefined();
    },
  );

  it("gives under any calls, restarts and power cuts only what was put under that name", async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key: fc.nat(60) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("get" as const), key: fc.nat(60) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), key: fc.nat(400) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), key: fc.nat(1) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const bench = new Bench();
        let cache = await bench.open(64 * KIB);
        for (const { do: what, key } of steps) {
          const name = `k${key}`;
          if (what === "put") put(cache, name, (key % 7) * 700 + 1);
          else if (what === "wait") await bench.clock.advance(key * 100);
          else if (what === "get") {
            const found = await cache.get(name);
            if (found !== undefined) expect(found.data).toEqual(data(name, (key % 7) * 700 + 1));
          } else {
            if (key === 0) await cache[Symbol.asyncDispose]();
            else bench.disk.crash();
            cache = await bench.open(64 * KIB);
          }
          expect(bench.size()).toBeLessThanOrEqual(64 * KIB);
        }
      }),
      { numRuns: 40 },
    );
  });
});
