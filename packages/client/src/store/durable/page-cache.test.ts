import { toPageSize } from "@graft/core";
import { describe, expect, it } from "vitest";
import { PageCache } from "./page-cache.ts";

const PAGE_SIZE = toPageSize(512);

describe("a page cache", () => {
  it("gives a page version back, and never another version of the page", () => {
    const cache = new PageCache(64 * 1024, PAGE_SIZE);
    cache.put(7, 1, page(1));
    const target = page(0);
    expect(cache.read(7, 2, target)).toBe(false);
    expect(cache.read(7, 1, target)).toBe(true);
    expect(target).toEqual(page(1));
  });

  it("keeps a copy, not the caller's bytes", () => {
    const cache = new PageCache(64 * 1024, PAGE_SIZE);
    const mine = page(1);
    cache.put(7, 1, mine);
    mine.fill(9);
    cache.read(7, 1, mine);
    expect(mine).toEqual(page(1));
  });

  it("keeps what is read twice, and lets a scan pass by", () => {
    const cache = new PageCache(64 * 1024, PAGE_SIZE);
    cache.putWhenSeen(7, 1, page(7));
    expect(cache.read(7, 1, page(0))).toBe(false);
    cache.putWhenSeen(7, 1, page(7));
    for (let at = 100; at < 5000; at++) cache.putWhenSeen(at, 1, page(0));
    expect(cache.read(7, 1, page(0))).toBe(true);
  });

  it("forgets everything when it is told to, and works on", () => {
    const cache = new PageCache(64 * 1024, PAGE_SIZE);
    cache.put(7, 1, page(1));
    cache.clear();
    expect(cache.read(7, 1, page(0))).toBe(false);
    cache.put(7, 1, page(2));
    const target = page(0);
    expect(cache.read(7, 1, target)).toBe(true);
    expect(target).toEqual(page(2));
  });

  it("holds no more than it may, down to nothing", () => {
    const cache = new PageCache(8 * 512, PAGE_SIZE);
    for (let at = 1; at <= 100; at++) cache.put(at, 1, page(at));
    const held = Array.from({ length: 100 }, (_, at) => cache.read(at + 1, 1, page(0)));
    expect(held.filter(Boolean).length).toBeLessThanOrEqual(8);
    const none = new PageCache(0, PAGE_SIZE);
    none.put(1, 1, page(1));
    expect(none.read(1, 1, page(0))).toBe(false);
  });
});

function page(content: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(content);
}
