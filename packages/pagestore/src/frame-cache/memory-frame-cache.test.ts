import { toPageIndex } from "@graft/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecodedFrame } from "./frame-cache.ts";
import { MemoryFrameCache } from "./memory-frame-cache.ts";

function frame(size: number, fill = 0): DecodedFrame {
  return [{ index: toPageIndex(1), data: new Uint8Array(size).fill(fill) }];
}

describe("the memory frame cache", () => {
  it("answers what was put, and counts", () => {
    const cache = new MemoryFrameCache(10_000);
    const one = frame(1000);
    cache.set("a", one);
    expect(cache.get("a")).toBe(one);
    expect(cache.get("b")).toBeUndefined();
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, frames: 1 });
  });

  it("keeps what is asked for again through a scan of everything else", () => {
    const cache = new MemoryFrameCache(100_000);
    for (const key of ["hot-1", "hot-2", "hot-3"]) {
      cache.set(key, frame(4096));
      cache.get(key);
    }
    for (let at = 0; at < 1000; at++) cache.set(`scan-${at}`, frame(4096));
    for (const key of ["hot-1", "hot-2", "hot-3"]) expect(cache.get(key)).toBeDefined();
    expect(cache.get("scan-0")).toBeUndefined();
    expect(cache.get("scan-999")).toBeDefined();
  });

  it("lets protected frames go when others are asked for more", () => {
    const cache = new MemoryFrameCache(50_000);
    for (let at = 0; at < 100; at++) {
      cache.set(`k${at}`, frame(4096));
      cache.get(`k${at}`);
    }
    expect(cache.get("k0")).toBeUndefined();
    expect(cache.get("k99")).toBeDefined();
  });

  it("keeps nothing that is larger than itself, and nothing at all at size 0", () => {
    const cache = new MemoryFrameCache(0);
    cache.set("a", frame(1));
    expect(cache.stats()).toMatchObject({ frames: 0, bytes: 0 });
    const small = new MemoryFrameCache(5000);
    small.set("a", frame(4000));
    small.set("b", frame(6000));
    expect(small.get("a")).toBeDefined();
    expect(small.get("b")).toBeUndefined();
  });

  it("never holds more than its size, and counts its bytes to zero error", () => {
    const step = fc.record({ get: fc.boolean(), key: fc.nat(30), size: fc.nat(5000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.nat(30_000), (steps, sizeMax) => {
        const cache = new MemoryFrameCache(sizeMax);
        const put = new Map<number, DecodedFrame>();
        for (const { get, key, size } of steps) {
          if (get) {
            const found = cache.get(String(key));
            if (found !== undefined) expect(found).toBe(put.get(key));
            else put.delete(key);
          } else if (!put.has(key)) {
            put.set(key, frame(size));
            cache.set(String(key), put.get(key) ?? []);
          }
          expect(cache.stats().bytes).toBeLessThanOrEqual(sizeMax);
          expect(cache.stats().bytes).toBeGreaterThanOrEqual(cache.stats().frames * 400);
        }
      }),
    );
  });
});
